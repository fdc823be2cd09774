// SPDX-License-Identifier: MIT OR Apache-2.0
//! A receive buffer that is too small for the errors of a batch.

use super::*;

/// Every outcome is definite although the kernel drops most replies (`ENOBUFS`).
pub(super) async fn replies() {
    let mut ipvs = connect().await;
    let server = Destination::new(address("10.2.0.1:80"));
    let add = |n| Change::AddService(Service::new(numbered(n), Scheduler::RoundRobin));
    // Of every three services one is there as wanted, one in another way, one not at all.
    let before: Vec<Change> = (0..600)
        .filter_map(|n| match n % 3 {
            0 => Some(add(n)),
            1 => Some(Change::AddService(Service::new(
                numbered(n),
                Scheduler::SourceHashing,
            ))),
            _ => None,
        })
        .collect();
    assert!(ipvs.apply(&before).await.unwrap().iter().all(Result::is_ok));
    // After the batches were sized: what a program with little memory to spare might do.
    assert_eq!(ipvs.batch_limit(), 500);
    setsockopt(&ipvs.socket().unwrap(), sockopt::RcvBuf, &2304).unwrap();
    let changes: Vec<Change> = (0..600)
        .flat_map(|n| [add(n), Change::AddDestination(numbered(n), server)])
        .collect();
    let outcomes = ipvs.apply(&changes).await.unwrap();
    assert_eq!(outcomes.len(), 1200);
    let mut refused = 0;
    for (change, outcome) in changes.iter().zip(outcomes) {
        let Err(error) = outcome else { continue };
        refused += 1;
        assert_eq!(error.errno(), Some(17), "{change}: {error}");
        assert!(matches!(change, Change::AddService(_)), "{change}: {error}");
    }
    // Those that are there as wanted count as made where the reply was lost.
    assert!((200..400).contains(&refused), "{refused}");
    let table = ipvs.snapshot().await.unwrap();
    assert_eq!(table.len(), 600);
    assert!(table.iter().all(|entry| entry.destinations.len() == 1));
    let other =
        |entry: &&lb_ipvs::TableEntry| entry.service.service.scheduler == Scheduler::SourceHashing;
    assert_eq!(table.iter().filter(other).count(), 200);
    // A list that does not fit the buffer at once comes in parts, and whole.
    assert_eq!(ipvs.services().await.unwrap().len(), 600);
    ipvs.flush().await.unwrap();
}
