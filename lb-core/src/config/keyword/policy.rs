// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the policy of checks that keepalived does not have, in `virtual_server` and `real_server`.

/// The keywords for a block that is read into `$block` and has its defaults of checks in `$defaults`.
macro_rules! policy_keywords {
    ($block:ty, $defaults:ident) => {
        &[
            Keyword::<$block>::new(
                "rise",
                "Sets how many successes in a row of a check bring a real server up.",
                Value::Number(COUNT, |server| &mut server.$defaults.rise),
            )
            .default("1")
            .own(),
            Keyword::<$block>::new(
                "fall",
                "Sets how many failures in a row of a check take a real server down: one more than retry.",
                Value::Number(COUNT, |server| &mut server.$defaults.fall),
            )
            .default("2, MISC_CHECK 1")
            .own(),
            Keyword::<$block>::new(
                "fast_interval",
                "Sets the period of checks while a real server is about to go down or up, instead of \
                 delay_before_retry.",
                Value::Seconds(PERIOD, |server| &mut server.$defaults.fast_interval),
            )
            .own(),
            Keyword::<$block>::new(
                "down_interval",
                "Sets the period of checks of a real server that is down.",
                Value::Seconds(PERIOD, |server| &mut server.$defaults.down_interval),
            )
            .default("delay_loop; HTTP_GET and SSL_GET: at least delay_before_retry")
            .own(),
            Keyword::<$block>::new(
                "deadline",
                "Limits the time of one whole attempt of a check, beside its other limits.",
                Value::Seconds(PERIOD, |server| &mut server.$defaults.deadline),
            )
            .default("what the limits of its steps add up to")
            .own(),
            Keyword::<$block>::new(
                "jitter",
                "Sets the percent of delay_loop by which each check is later at most.",
                Value::Number(JITTER, |server| &mut server.$defaults.jitter),
            )
            .default("0")
            .own(),
        ]
    };
}

pub(super) use policy_keywords;
