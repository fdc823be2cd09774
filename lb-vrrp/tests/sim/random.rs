// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random LANs and random faults, from a seed; what fails is made as short as it can be.

use std::{
    env,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use crate::{pcap::Capture, plan::Plan};

/// Seeds of an ordinary test run.
const SEEDS: u64 = 2_000;

/// Number of new seeds in a soak.
const FRESH: u64 = 10_000;

pub fn number(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|value| value.parse().expect("a number"))
}

/// Every n-th seed where `LB_SHARD=k/n` asks for the k-th part.
fn in_shard(seed: u64) -> bool {
    let Ok(shard) = env::var("LB_SHARD") else {
        return true;
    };
    let (k, n) = shard.split_once('/').expect("k/n");
    let (k, n): (u64, u64) = (k.parse().expect("k"), n.parse().expect("n"));
    seed % n == k - 1
}

/// Runs `test` on the seeds that are asked for: `ordinary` ones, or as many times more or less of
/// them as `LB_SIM_SEEDS` is of [`SEEDS`].
pub fn seeds(ordinary: u64, test: fn(u64)) {
    if let Some(seed) = number("LB_SIM_SEED") {
        return test(seed);
    }
    let share = |seeds: u64| (seeds * ordinary).div_ceil(SEEDS);
    (0..share(number("LB_SIM_SEEDS").unwrap_or(SEEDS)))
        .filter(|seed| in_shard(*seed))
        .for_each(test);
    if env::var_os("LB_SOAK").is_some() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let first = now.unwrap().as_secs() << 16;
        println!("fresh seeds from {first}");
        (first..first + share(FRESH))
            .filter(|seed| in_shard(*seed))
            .for_each(test);
    }
}

#[test]
fn invariants_hold_on_random_lans() {
    seeds(SEEDS, run);
}

#[test]
fn a_failing_seed_is_made_short() {
    // What fails is the second of two things, far down the list.
    let mut plan = Plan::new(7);
    let all = plan.steps.len();
    let fails = |plan: &Plan| {
        let parts = plan.steps.iter();
        let parted = parts.filter(|step| matches!(step, crate::plan::Step::Rest { .. }));
        (parted.count() >= 2).then(|| "two rests".to_owned())
    };
    let why = shorten(&mut plan, "before".to_owned(), fails);
    assert!(all > 10);
    assert_eq!((plan.steps.len(), &why[..]), (2, "two rests"));
}

fn run(seed: u64) {
    let mut plan = Plan::new(seed);
    let capture = env::var_os("LB_SIM_PCAP").map(PathBuf::from);
    let Some(why) = failure(&plan, capture) else {
        return;
    };
    let all = plan.steps.len();
    let why = shorten(&mut plan, why, |plan| failure(plan, None));
    let mut text = String::new();
    for step in &plan.steps {
        let _ = writeln!(text, "  {step:?}");
    }
    panic!(
        "{why}LB_SIM_SEED={seed}: {} of {all} steps suffice:\n{text}{plan:?}",
        plan.steps.len()
    );
}

/// Why a plan fails, if it does.
fn failure(plan: &Plan, capture: Option<PathBuf>) -> Option<String> {
    let mut lan = plan.lan();
    lan.quiet = true;
    lan.capture = capture.is_some().then(Capture::default);
    let result = catch_unwind(AssertUnwindSafe(|| {
        for step in &plan.steps {
            step.apply(&mut lan);
        }
    }));
    if let (Some(path), Some(capture)) = (capture, &lan.capture) {
        capture.write(&path);
        println!("frames of seed {} are in {}", plan.seed, path.display());
    }
    let panic = result.err()?;
    let message = panic.downcast_ref::<String>().cloned();
    Some(message.unwrap_or_else(|| "a panic elsewhere, see above\n".to_owned()))
}

/// Leaves out whatever it fails without: halves, quarters, down to single steps.
fn shorten(plan: &mut Plan, mut why: String, fails: impl Fn(&Plan) -> Option<String>) -> String {
    let mut chunk = plan.steps.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < plan.steps.len() {
            let mut shorter = plan.clone();
            let end = (at + chunk).min(shorter.steps.len());
            shorter.steps.drain(at..end);
            match fails(&shorter) {
                Some(reason) => (*plan, why) = (shorter, reason),
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    why
}
