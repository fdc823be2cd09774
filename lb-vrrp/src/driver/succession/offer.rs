// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the old process offers: a document, and descriptors beside it.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::error::SuccessionError;
use crate::AddressFamily;
use crate::driver::key::PortKey;

/// Format of the offer and of what is handed over; grows when either changes its meaning.
const FORMAT: u32 = 1;
/// Descriptors of the switch.
const SWITCH: usize = 3;

/// Routers to be taken over by another process, see
/// [`Driver::offer`](crate::driver::Driver::offer). It has to reach that process, the
/// descriptors by `SCM_RIGHTS` for instance; dropping it takes the offer back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Offer {
    /// Says what the descriptors are; JSON.
    pub document: String,
    /// The descriptors, in this order.
    pub descriptors: Vec<OwnedFd>,
}

impl Offer {
    /// Puts together what came from another process.
    #[must_use]
    pub const fn new(document: String, descriptors: Vec<OwnedFd>) -> Self {
        Self {
            document,
            descriptors,
        }
    }
}

/// What becomes of an [`Offer`].
#[derive(Debug)]
pub struct Succession {
    pub(in crate::driver) outcome: oneshot::Receiver<Result<(), SuccessionError>>,
}

impl Succession {
    /// Waits until the routers have changed hands: the driver has ended then, without priority 0
    /// and with its addresses in place; [`Driver::release`](crate::driver::Driver::release)
    /// waits for the rest of it. Cancel-safe; dropping this takes the offer back.
    ///
    /// # Errors
    ///
    /// [`SuccessionError`] if they have not; the driver runs on as if nothing had been.
    pub async fn outcome(&mut self) -> Result<(), SuccessionError> {
        (&mut self.outcome)
            .await
            .unwrap_or(Err(SuccessionError::Gone))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    format: u32,
    /// Network and time namespace of the advert thread.
    namespaces: Namespaces,
    ports: Vec<OfferedPort>,
}

/// The only field that every format has.
#[derive(Debug, Deserialize)]
struct Format {
    format: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Namespaces {
    net: String,
    time: String,
}

impl Namespaces {
    /// Those of the calling thread; empty where there is no `/proc` to tell.
    fn current() -> Self {
        let of = |path| {
            let target = fs::read_link(path).unwrap_or_default();
            target.to_string_lossy().into_owned()
        };
        Self {
            net: of("/proc/thread-self/ns/net"),
            time: of("/proc/thread-self/ns/time"),
        }
    }
}

/// The sockets of an interface and family; their descriptors follow those of the switch.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct OfferedPort {
    pub(in crate::driver) interface: String,
    pub(in crate::driver) index: u32,
    pub(in crate::driver) family: AddressFamily,
    /// Multicast groups of the first socket.
    pub(in crate::driver) plain: Vec<IpAddr>,
    /// Of the second one, if there is one.
    pub(in crate::driver) authenticated: Option<Vec<IpAddr>>,
}

/// A socket that came with an offer.
#[derive(Debug)]
pub(in crate::driver) struct PassedSocket {
    pub(in crate::driver) descriptor: OwnedFd,
    pub(in crate::driver) joined: Vec<IpAddr>,
}

/// The sockets of an interface and family that came with an offer.
#[derive(Debug)]
pub(in crate::driver) struct PassedPort {
    pub(in crate::driver) index: u32,
    pub(in crate::driver) plain: PassedSocket,
    pub(in crate::driver) authenticated: Option<PassedSocket>,
}

impl Offer {
    pub(in crate::driver) fn make(
        switch: [OwnedFd; SWITCH],
        ports: Vec<OfferedPort>,
        sockets: Vec<OwnedFd>,
    ) -> Result<Self, SuccessionError> {
        let document = Document {
            format: FORMAT,
            namespaces: Namespaces::current(),
            ports,
        };
        let document = serde_json::to_string(&document)
            .map_err(|source| SuccessionError::Document { source })?;
        let descriptors = switch.into_iter().chain(sockets).collect();
        Ok(Self::new(document, descriptors))
    }
}

/// An offer taken up.
#[derive(Debug)]
pub(in crate::driver) struct Heir {
    pub(in crate::driver) switch: [OwnedFd; SWITCH],
    pub(in crate::driver) ports: BTreeMap<PortKey, PassedPort>,
    /// Told when the routers have changed hands, or have not.
    pub(in crate::driver) outcome: oneshot::Sender<Result<(), SuccessionError>>,
}

impl Heir {
    /// Takes an offer apart. Must be called in the network namespace of the routers to be.
    pub(in crate::driver) fn new(
        offer: Offer,
        outcome: oneshot::Sender<Result<(), SuccessionError>>,
    ) -> Result<Self, SuccessionError> {
        let understood = |source| SuccessionError::Document { source };
        let Format { format } = serde_json::from_str(&offer.document).map_err(understood)?;
        if format != FORMAT {
            return Err(SuccessionError::Format {
                theirs: format,
                ours: FORMAT,
            });
        }
        let document: Document = serde_json::from_str(&offer.document).map_err(understood)?;
        let here = Namespaces::current();
        if document.namespaces.net != here.net {
            return Err(SuccessionError::Namespace { kind: "net" });
        }
        if document.namespaces.time != here.time {
            return Err(SuccessionError::Namespace { kind: "time" });
        }
        let there = offer.descriptors.len();
        let sockets = |port: &OfferedPort| 1 + usize::from(port.authenticated.is_some());
        let wanted = SWITCH + document.ports.iter().map(sockets).sum::<usize>();
        let missing = || SuccessionError::Descriptors { there, wanted };
        if there < wanted {
            return Err(missing());
        }
        let mut descriptors = offer.descriptors.into_iter();
        let mut next = || descriptors.next().ok_or_else(missing);
        let switch = [next()?, next()?, next()?];
        let mut ports = BTreeMap::new();
        for port in document.ports {
            let plain = PassedSocket {
                descriptor: next()?,
                joined: port.plain,
            };
            let authenticated = match port.authenticated {
                Some(joined) => Some(PassedSocket {
                    descriptor: next()?,
                    joined,
                }),
                None => None,
            };
            let key = (Arc::from(port.interface.as_str()), port.family);
            let passed = PassedPort {
                index: port.index,
                plain,
                authenticated,
            };
            ports.insert(key, passed);
        }
        Ok(Self {
            switch,
            ports,
            outcome,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(change: impl FnOnce(&mut serde_json::Value)) -> Offer {
        let descriptor = || OwnedFd::from(fs::File::open("/dev/null").unwrap());
        let port = OfferedPort {
            interface: "eth0".to_owned(),
            index: 7,
            family: AddressFamily::Ipv4,
            plain: vec!["224.0.0.18".parse().unwrap()],
            authenticated: Some(Vec::new()),
        };
        let switch = [descriptor(), descriptor(), descriptor()];
        let sockets = vec![descriptor(), descriptor()];
        let mut offer = Offer::make(switch, vec![port], sockets).unwrap();
        let mut document = serde_json::from_str(&offer.document).unwrap();
        change(&mut document);
        offer.document = document.to_string();
        offer
    }

    fn heir(offer: Offer) -> Result<Heir, SuccessionError> {
        Heir::new(offer, oneshot::channel().0)
    }

    #[test]
    fn descriptors_find_their_place() {
        let heir = heir(offer(|_| {})).unwrap();
        let (key, port) = heir.ports.first_key_value().unwrap();
        assert_eq!(*key, (Arc::from("eth0"), AddressFamily::Ipv4));
        assert_eq!(port.index, 7);
        assert_eq!(port.plain.joined.len(), 1);
        assert!(port.authenticated.as_ref().unwrap().joined.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let of = |offer| heir(offer).unwrap_err().to_string();
        assert_eq!(
            of(offer(|document| document["format"] = 9.into())),
            "the hand-over has format 9, this program understands 1"
        );
        assert_eq!(
            of(offer(
                |document| document["namespaces"]["net"] = "net:[1]".into()
            )),
            "predecessor and successor are in different net namespaces"
        );
        let mut short = offer(|_| {});
        short.descriptors.pop();
        assert_eq!(of(short), "the offer lacks descriptors: 4 of 5");
        let mut nonsense = offer(|_| {});
        nonsense.document = "{}".to_owned();
        assert_eq!(of(nonsense), "the offer cannot be understood");
    }
}
