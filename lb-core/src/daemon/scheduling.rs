// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scheduling of the thread of the checks, as the keywords `checker_…` set it.

use lb_host::scheduling::{
    lock_memory, set_nice, set_processors, set_realtime_limit, set_round_robin,
};
use lb_vrrp::spec::{LockMemory, Realtime, Scheduling};

/// Sets nice value, processors and real-time priority of the calling thread, and the limits of the process
/// that depend on them. Failures are logged. Without a keyword nothing changes.
pub(super) fn apply(scheduling: &Scheduling, thread: &str) {
    if let Some(nice) = scheduling.nice
        && let Err(error) = set_nice(nice)
    {
        tracing::warn!(%error, thread, nice, "cannot set the nice value");
    }
    if let Some(processors) = scheduling.processors
        && let Err(error) = set_processors(processors.iter())
    {
        tracing::warn!(%error, thread, "cannot bind the thread to its processors");
    }
    if scheduling.realtime == Realtime::Always {
        let priority = i32::from(scheduling.priority);
        match set_round_robin(priority) {
            Ok(()) => {
                tracing::info!(priority, thread, "the thread runs under SCHED_RR");
                limit(scheduling, thread);
            }
            Err(error) => tracing::warn!(
                %error,
                thread,
                "not scheduled in real time: it needs CAP_SYS_NICE or RLIMIT_RTPRIO, and a control group \
                 with real-time runtime"
            ),
        }
    }
    if scheduling.memory == LockMemory::Always
        && let Err(error) = lock_memory()
    {
        tracing::warn!(
            %error,
            "memory not locked: it needs CAP_IPC_LOCK or no limit of locked memory"
        );
    }
}

fn limit(scheduling: &Scheduling, thread: &str) {
    if let Some(limit) = scheduling.limit
        && let Err(error) = set_realtime_limit(limit)
    {
        tracing::warn!(%error, ?limit, thread, "cannot limit real-time threads");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{self, Mode};
    use crate::daemon::checks::Checks;

    /// A line of the status of the thread of the checks that was started last.
    fn status_of_checks(field: &str) -> Option<String> {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let statuses = tasks.flatten().filter_map(|task| {
            let path = task.path();
            let name = fs::read_to_string(path.join("comm")).ok()?;
            (name.trim_end() == "checks").then_some(())?;
            let status = fs::read_to_string(path.join("status")).ok()?;
            let stat = fs::read_to_string(path.join("stat")).ok()?;
            Some((status, stat))
        });
        statuses.into_iter().find_map(|(status, stat)| {
            // After the name, which is in parentheses: state is the third field.
            let fields = stat.rsplit(')').next()?;
            let field_of = |index: usize| fields.split_whitespace().nth(index - 3);
            if field == "nice" {
                return field_of(19).map(str::to_owned);
            }
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(field))?;
            Some(line.trim().to_owned())
        })
    }

    // shows global_defs: checker_priority, checker_cpu_affinity
    #[tokio::test]
    async fn the_thread_of_the_checks_is_scheduled_as_configured() {
        let text = "global_defs {\n checker_priority 7\n checker_cpu_affinity 0\n}\n";
        let parsed = config::parse(text, "t.conf", &lb_check::Registry::builtin());
        let model = parsed.into_model(Mode::Strict).unwrap();
        let checks = Checks::start(model.global.checks.scheduling).await.unwrap();
        assert_eq!(status_of_checks("nice").unwrap(), "7");
        assert_eq!(status_of_checks("Cpus_allowed_list:").unwrap(), "0");
        checks.shutdown().await;
    }
}
