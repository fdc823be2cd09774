// SPDX-License-Identifier: MIT OR Apache-2.0
//! The old process: offers the handover, and waits until the new process has committed.

use std::os::fd::OwnedFd;
use std::time::Duration;

use lb_vrrp::driver::{Offer, Succession, SuccessionError};
use tokio::net::UnixStream;

use super::documents::{Answer, FORMAT, Hello, Phase};
use super::{UpgradeError, frame};
use crate::director::Known;

/// Time limit for a message of the new process that needs no preparation.
const ANSWER: Duration = Duration::from_secs(5);
/// Time limit for the new process to prepare and commit.
const PREPARATION: Duration = Duration::from_secs(60);

/// State and descriptors that the old process offers.
#[derive(Debug)]
pub(in crate::daemon) struct HandoverOffer {
    pub(in crate::daemon) lock: OwnedFd,
    pub(in crate::daemon) socket: OwnedFd,
    pub(in crate::daemon) routers: Option<(Offer, Succession)>,
    pub(in crate::daemon) known: Known,
}

/// A new process that has committed.
#[derive(Debug)]
pub(in crate::daemon) struct NewProcess {
    stream: UnixStream,
    pub(in crate::daemon) pid: u32,
    /// Whether the new process runs the routers; otherwise the old process must stop them.
    pub(in crate::daemon) routers: bool,
}

impl NewProcess {
    /// Reports to the new process that this one has stopped writing the table and the ledger.
    pub(in crate::daemon) async fn confirm_end(self, known: Known) {
        if let Err(error) = frame::send(&self.stream, &Phase::Done { known }, &[], ANSWER).await {
            // The new process also detects the end of the connection.
            tracing::debug!(%error, "cannot confirm the end of the handover");
        }
    }
}

/// Offers the handover to the process on `stream`, and waits until that process has committed.
pub(in crate::daemon) async fn offer_handover(
    stream: UnixStream,
    offered: Result<HandoverOffer, String>,
) -> Result<NewProcess, UpgradeError> {
    let (hello, _) = frame::receive::<Hello>(&stream, ANSWER).await?;
    let refuse = |reason: String| async {
        let answer = Answer::Refused {
            reason: reason.clone(),
        };
        let _ = frame::send(&stream, &answer, &[], ANSWER).await;
        UpgradeError::Refused { reason }
    };
    if hello.format != FORMAT {
        let (theirs, ours) = (hello.format, FORMAT);
        refuse(format!(
            "the running daemon uses handover format {ours}, the new process {theirs}"
        ))
        .await;
        return Err(UpgradeError::Format { theirs, ours });
    }
    let offered = match offered {
        Ok(offered) => offered,
        Err(reason) => return Err(refuse(reason).await),
    };
    let mut descriptors = vec![offered.lock, offered.socket];
    let (routers, handover) = match offered.routers {
        Some((offer, handover)) => {
            descriptors.extend(offer.descriptors);
            (Some(offer.document), Some(handover))
        }
        None => (None, None),
    };
    let answer = Answer::Offer {
        pid: std::process::id(),
        routers,
        known: offered.known,
    };
    frame::send(&stream, &answer, &descriptors, ANSWER).await?;
    drop(descriptors);
    let routers = wait_for_commit(&stream, handover).await?;
    Ok(NewProcess {
        stream,
        pid: hello.pid,
        routers,
    })
}

/// Waits until the routers are handed over, or the new process has committed without them. Returns
/// whether they were handed over.
async fn wait_for_commit(
    stream: &UnixStream,
    handover: Option<Succession>,
) -> Result<bool, UpgradeError> {
    let commit = async {
        match frame::receive::<Phase>(stream, PREPARATION).await?.0 {
            Phase::Committed => Ok(()),
            Phase::Done { .. } => Err(UpgradeError::Gone),
        }
    };
    let Some(mut handover) = handover else {
        return commit.await.map(|()| false);
    };
    tokio::pin!(commit);
    tokio::select! {
        biased;
        outcome = handover.outcome() => match outcome {
            Ok(()) => Ok(true),
            // A new process without routers closes the connection of the routers and commits.
            Err(SuccessionError::Gone) => commit.await.map(|()| false),
            Err(error) => Err(error.into()),
        },
        result = &mut commit => {
            result?;
            // The commit may arrive before the outcome of the advert thread.
            match tokio::time::timeout(ANSWER, handover.outcome()).await {
                Ok(Ok(())) => Ok(true),
                Ok(Err(_)) => Ok(false),
                Err(_elapsed) => Err(UpgradeError::Late { limit: ANSWER }),
            }
        }
    }
}
