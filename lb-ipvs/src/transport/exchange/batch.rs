// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many requests in one send.

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

use super::{About, Transport, check_sequence, kernel_error, malformed};
use crate::transport::frame::{Body, Frames};
use crate::{
    error::Error,
    operation::{Operation, Subject},
    wire::IpvsMessage,
};

/// Requests in one batch at most.
const BATCH_REQUESTS: usize = 500;
/// Bytes of requests in one batch at most, well below the smallest usual send buffer.
const BATCH_BYTES: usize = 64 << 10;
/// What one error may take of the receive buffer by the kernel's reckoning: 768 were measured,
/// an explanation of more than a hundred bytes makes it 1280.
const ERROR_COST: usize = 1280;

/// How many requests can fail in one batch with every error readable.
pub(super) fn limit(receive_buffer: usize) -> usize {
    (receive_buffer / ERROR_COST).clamp(1, BATCH_REQUESTS)
}

/// What became of a batch, which was carried out as a whole.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The outcome of each request that was sent.
    pub(crate) outcomes: Vec<Result<(), Error>>,
    /// The kernel dropped replies (`ENOBUFS`): an `Ok` may be an error whose reply was lost.
    pub(crate) lost: bool,
}

impl Transport {
    /// Sends as many requests as fit into one batch; only the last asks for an acknowledgement.
    ///
    /// At least one is sent if there is one.
    pub(crate) async fn batch(
        &mut self,
        requests: impl Iterator<Item = (Operation, Subject, IpvsMessage)>,
    ) -> Result<Batch, Error> {
        let limit = self.batch_limit();
        let mut bytes = Vec::with_capacity(BATCH_BYTES);
        let mut abouts = Vec::with_capacity(limit);
        let first = self.sequence.wrapping_add(1);
        let mut last_at = 0;
        for (operation, subject, message) in requests {
            last_at = bytes.len();
            self.encode(message, NLM_F_REQUEST, &mut bytes);
            abouts.push(About { operation, subject });
            if abouts.len() == limit || bytes.len() >= BATCH_BYTES {
                break;
            }
        }
        let (Some(&about), Some(header)) = (abouts.first(), bytes.get_mut(last_at..last_at + 8))
        else {
            return Ok(Batch::default());
        };
        if let [.., low, high] = header {
            [*low, *high] = (NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes();
        }
        let last = self.sequence;
        self.send(about, bytes, false).await?;
        let mut outcomes: Vec<Result<(), Error>> = abouts.iter().map(|_| Ok(())).collect();
        loop {
            match self.receive(about).await {
                Err(Error::OutcomeUnknown { .. }) => {
                    return Ok(Batch {
                        outcomes,
                        lost: true,
                    });
                }
                received => received?,
            }
            for frame in self.buffer.iter().flat_map(Frames::new) {
                let frame = frame.map_err(|source| malformed(about, source))?;
                let index = frame.sequence.wrapping_sub(first) as usize;
                let (Some(about), Some(outcome)) = (abouts.get(index), outcomes.get_mut(index))
                else {
                    check_sequence(about, last, &frame)?;
                    continue;
                };
                match frame.body {
                    Body::Error { errno, message } => {
                        *outcome =
                            Err(kernel_error(about.operation, about.subject, errno, message));
                    }
                    Body::Overrun => {
                        return Ok(Batch {
                            outcomes,
                            lost: true,
                        });
                    }
                    Body::Ack | Body::Done { .. } => {}
                    Body::Noop | Body::Message(_) => continue,
                }
                if frame.sequence == last {
                    self.unsettled = false;
                    return Ok(Batch {
                        outcomes,
                        lost: false,
                    });
                }
            }
        }
    }
}
