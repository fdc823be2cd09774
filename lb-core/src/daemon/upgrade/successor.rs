// SPDX-License-Identifier: MIT OR Apache-2.0
//! The old side: an offer to the process that asked, until it has committed.

use std::os::fd::OwnedFd;
use std::time::Duration;

use lb_vrrp::driver::{Offer, Succession, SuccessionError};
use tokio::net::UnixStream;

use super::documents::{Answer, FORMAT, Hello, Word};
use super::{UpgradeError, frame};
use crate::director::Known;

/// How long the new process may take for a word.
const WORD: Duration = Duration::from_secs(5);
/// How long it may take to get ready.
const PREPARATION: Duration = Duration::from_secs(60);

/// What is offered.
#[derive(Debug)]
pub(in crate::daemon) struct Offered {
    pub(in crate::daemon) lock: OwnedFd,
    pub(in crate::daemon) socket: OwnedFd,
    pub(in crate::daemon) routers: Option<(Offer, Succession)>,
    pub(in crate::daemon) known: Known,
}

/// A new process that has committed.
#[derive(Debug)]
pub(in crate::daemon) struct HandedOver {
    stream: UnixStream,
    pub(in crate::daemon) pid: u32,
    /// The routers run in the new process; else they are to be stopped here.
    pub(in crate::daemon) routers: bool,
}

impl HandedOver {
    /// Tells the new process that nobody else writes table and ledger any more.
    pub(in crate::daemon) async fn done(self, known: Known) {
        if let Err(error) = frame::send(&self.stream, &Word::Done { known }, &[], WORD).await {
            // It sees our end, too.
            tracing::debug!(%error, "successor not told");
        }
    }
}

/// Offers all to the process on this stream, and waits until it has committed.
pub(in crate::daemon) async fn offer_to(
    stream: UnixStream,
    offered: Result<Offered, String>,
) -> Result<HandedOver, UpgradeError> {
    let (hello, _) = frame::receive::<Hello>(&stream, WORD).await?;
    let refuse = |reason: String| async {
        let answer = Answer::Refused {
            reason: reason.clone(),
        };
        let _ = frame::send(&stream, &answer, &[], WORD).await;
        UpgradeError::Refused { reason }
    };
    if hello.format != FORMAT {
        let (theirs, ours) = (hello.format, FORMAT);
        refuse(format!(
            "it speaks format {ours} of an upgrade, the new process {theirs}"
        ))
        .await;
        return Err(UpgradeError::Format { theirs, ours });
    }
    let offered = match offered {
        Ok(offered) => offered,
        Err(reason) => return Err(refuse(reason).await),
    };
    let mut descriptors = vec![offered.lock, offered.socket];
    let (routers, succession) = match offered.routers {
        Some((offer, succession)) => {
            descriptors.extend(offer.descriptors);
            (Some(offer.document), Some(succession))
        }
        None => (None, None),
    };
    let answer = Answer::Offer {
        pid: std::process::id(),
        routers,
        known: offered.known,
    };
    frame::send(&stream, &answer, &descriptors, WORD).await?;
    drop(descriptors);
    let routers = committed(&stream, succession).await?;
    Ok(HandedOver {
        stream,
        pid: hello.pid,
        routers,
    })
}

/// Waits until the routers have changed hands, or the new process has said that it does without
/// them. Says which.
async fn committed(
    stream: &UnixStream,
    succession: Option<Succession>,
) -> Result<bool, UpgradeError> {
    let word = async {
        match frame::receive::<Word>(stream, PREPARATION).await?.0 {
            Word::Committed => Ok(()),
            Word::Done { .. } => Err(UpgradeError::Gone),
        }
    };
    let Some(mut succession) = succession else {
        return word.await.map(|()| false);
    };
    tokio::pin!(word);
    tokio::select! {
        biased;
        outcome = succession.outcome() => match outcome {
            Ok(()) => Ok(true),
            // Closed without a word when it has no use for them, which it may still say.
            Err(SuccessionError::Gone) => word.await.map(|()| false),
            Err(error) => Err(error.into()),
        },
        word = &mut word => {
            word?;
            // It may have been quicker than the thread that handed over.
            match tokio::time::timeout(WORD, succession.outcome()).await {
                Ok(Ok(())) => Ok(true),
                Ok(Err(_)) => Ok(false),
                Err(_elapsed) => Err(UpgradeError::Late { limit: WORD }),
            }
        }
    }
}
