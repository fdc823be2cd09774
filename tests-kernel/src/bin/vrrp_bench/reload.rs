// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reload adds many addresses: does the master keep advertising?

use std::net::Ipv4Addr;
use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::net::wait_until;
use tests_kernel::process::pause;

use crate::pair::{DEADLINE, Pair, advert};
use crate::progress::Progress;
use crate::report::{Report, Sample, between};
use crate::{Extent, Outcome};

const INTERVAL: Duration = Duration::from_millis(50);
const ADDRESSES: u8 = 200;
const ROUNDS: u32 = 10;
const QUICK_ROUNDS: u32 = 2;
/// An advert after this long is on time: an interval, and the tenth of one that counts as late.
const ON_TIME: Duration = Duration::from_millis(55);
/// Watched after the last address is there: what comes late has its effect here.
const AFTERWARDS: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Figures {
    /// The largest gap of each reload.
    added: Sample,
    removed: Sample,
    /// From the signal to the last address.
    took: Sample,
    takeovers: usize,
}

/// Measures reloads, in turn.
pub(crate) fn bench(extent: Extent, report: &mut Report) -> Outcome {
    let rounds = if extent.quick { QUICK_ROUNDS } else { ROUNDS };
    report.table(
        &format!(
            "Reloads of a master at {INTERVAL:?}, {rounds} each: the largest gap between its adverts, and \
             the time to the last address; median / p99 / max in ms"
        ),
        &format!(
            "program | largest gap, {ADDRESSES} addresses added | they are there after | \
             largest gap, removed | takeovers"
        ),
    );
    let programs = [Software::Keepalived, Software::Lbctl];
    let mut figures = [Figures::default(), Figures::default()];
    let mut pairs = Vec::new();
    for software in programs {
        let mut pair = Pair::new(software, INTERVAL, "")?;
        for router in &mut pair.routers {
            router.start()?;
        }
        pair.wait_for_first(20)?;
        pairs.push(pair);
    }
    let addresses: Vec<Ipv4Addr> = (1..=ADDRESSES)
        .map(|last| Ipv4Addr::new(198, 51, 100, last))
        .collect();
    let mut progress = Progress::new("reloads", rounds);
    for _ in 0..rounds {
        for (pair, figures) in pairs.iter_mut().zip(&mut figures) {
            let (gap, took) = reload(pair, &addresses, figures)?;
            figures.added.push(gap);
            figures.took.push(took);
            let (gap, _) = reload(pair, &[], figures)?;
            figures.removed.push(gap);
        }
        progress.step();
    }
    for (software, figures) in programs.iter().zip(&figures) {
        report.row(&format!(
            "{software} | {} | {} | {} | {}",
            figures.added, figures.took, figures.removed, figures.takeovers
        ));
    }
    let [_, ours] = &figures;
    report.budget(
        &format!("adverts on time ({ON_TIME:?}) through a reload that adds {ADDRESSES} addresses"),
        ours.added.all_within(ON_TIME) && ours.removed.all_within(ON_TIME) && ours.takeovers == 0,
        &format!(
            "gaps {} ms, removed {} ms, {} takeovers",
            ours.added, ours.removed, ours.takeovers
        ),
    );
    Ok(())
}

/// Reloads with these addresses. Returns the largest gap, and how long the addresses took.
fn reload(pair: &mut Pair, addresses: &[Ipv4Addr], figures: &mut Figures) -> Outcome<(i128, i128)> {
    pair.configure(addresses)?;
    pair.observer.clear();
    pause(INTERVAL * 4);
    let begin = std::time::Instant::now();
    pair.routers[0].reload()?;
    let awaited = format!("{} more addresses", addresses.len());
    let netns = pair.routers[0].host().netns();
    wait_until(&awaited, DEADLINE, || {
        let listing = netns.ip("-4 -o addr show dev eth0");
        let listing = listing.map_err(|error| error.to_string())?;
        let count = listing.matches("inet 198.51.100.").count();
        (count == addresses.len())
            .then_some(())
            .ok_or_else(|| format!("{count}"))
    })?;
    let took = i128::try_from(begin.elapsed().as_nanos())?;
    pause(AFTERWARDS);

    let seen = pair.observer.seen();
    let adverts: Vec<(Duration, usize)> = seen.iter().filter_map(advert).collect();
    let changes = adverts.windows(2);
    let takeovers = changes.filter(|pair| matches!(pair, [(_, 0), (_, 1)]));
    figures.takeovers += takeovers.count();
    let own = adverts.iter().filter(|(_, router)| *router == 0);
    let own: Vec<Duration> = own.map(|(at, _)| *at).collect();
    let gaps = own.windows(2).filter_map(|gap| match gap {
        [from, to] => Some(between(*from, *to)),
        _ => None,
    });
    Ok((gaps.max().ok_or("the master is silent")?, took))
}
