// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new process: receives the routers of the old one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::message::{FORMAT, Message, Namespaces, Offer, SharedPort, SharedRouters};
use super::{ANSWER, HandoverError};
use crate::driver::key::{PortKey, RouterKey};

/// The new process's end of the connection, after the offer of the old process.
#[derive(Debug)]
pub struct Receiver {
    stream: UnixStream,
    pid: u32,
    document: String,
    descriptors: Vec<OwnedFd>,
    /// The routers of the offer, until they are used, and their descriptors.
    routers: Option<(SharedRouters, Vec<OwnedFd>)>,
    has_routers: bool,
}

/// A socket of the old process.
#[derive(Debug)]
pub(in crate::driver) struct ReceivedSocket {
    pub(in crate::driver) descriptor: OwnedFd,
    /// Its multicast groups.
    pub(in crate::driver) joined: Vec<IpAddr>,
}

/// The sockets of an interface and family.
#[derive(Debug)]
pub(in crate::driver) struct ReceivedPort {
    pub(in crate::driver) index: u32,
    pub(in crate::driver) plain: ReceivedSocket,
    pub(in crate::driver) authenticated: Option<ReceivedSocket>,
}

/// What an advert thread needs to continue the routers of another process.
#[derive(Debug)]
pub(in crate::driver) struct ReceivedRouters {
    pub(in crate::driver) connection: OwnedFd,
    pub(in crate::driver) ports: BTreeMap<PortKey, ReceivedPort>,
    /// The claims of routers.
    pub(in crate::driver) claims: BTreeMap<RouterKey, OwnedFd>,
    /// Receives whether the routers were handed over.
    pub(in crate::driver) outcome: oneshot::Sender<Result<(), HandoverError>>,
}

impl Receiver {
    /// Requests a handover from the process at the other end of `stream`, and receives its offer.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if the old process refuses, or has made no valid offer within 10 s.
    pub async fn request(stream: UnixStream) -> Result<Self, HandoverError> {
        let request = Message::Request {
            format: FORMAT,
            pid: std::process::id(),
        };
        request.send(&stream, &[], ANSWER).await?;
        let (message, descriptors) = Message::receive(&stream, ANSWER).await?;
        match message {
            Message::Offer(offer) => Self::new(stream, offer, descriptors),
            other => Err(other.unexpected()),
        }
    }

    fn new(
        stream: UnixStream,
        offer: Offer,
        mut descriptors: Vec<OwnedFd>,
    ) -> Result<Self, HandoverError> {
        let sockets = offer.routers.as_ref().map_or(0, SharedRouters::sockets);
        let (actual, expected) = (descriptors.len(), offer.descriptors + sockets);
        if actual < expected {
            return Err(HandoverError::Descriptors { actual, expected });
        }
        let sockets = descriptors.split_off(offer.descriptors);
        Ok(Self {
            stream,
            pid: offer.pid,
            document: offer.document,
            descriptors,
            routers: offer.routers.map(|routers| (routers, sockets)),
            has_routers: false,
        })
    }

    /// Process id of the old process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The document that the old program added to its offer.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Takes the descriptors that the old program added to its offer.
    #[must_use]
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    /// Whether the old process offers routers.
    #[must_use]
    pub const fn offers_routers(&self) -> bool {
        self.routers.is_some()
    }

    /// The routers, for a driver in the network namespace of the calling thread.
    pub(in crate::driver) fn take_routers(
        &mut self,
        outcome: oneshot::Sender<Result<(), HandoverError>>,
    ) -> Result<ReceivedRouters, HandoverError> {
        let (routers, mut sockets) = self.routers.take().ok_or(HandoverError::NoRouters)?;
        let SharedRouters {
            namespaces,
            ports,
            claims,
        } = routers;
        let here = Namespaces::current();
        if namespaces.net != here.net {
            return Err(HandoverError::Namespace { kind: "net" });
        }
        if namespaces.time != here.time {
            return Err(HandoverError::Namespace { kind: "time" });
        }
        let connection = self.stream.as_fd().try_clone_to_owned();
        // The number of descriptors was checked.
        let rest = sockets.split_off(sockets.len().saturating_sub(claims.len()));
        Ok(ReceivedRouters {
            claims: claims.into_iter().zip(rest).collect(),
            connection: connection.map_err(HandoverError::system("duplicate the connection"))?,
            ports: assign(ports, sockets)?,
            outcome,
        })
    }

    /// Takes note that the driver of this process drives the routers.
    pub(in crate::driver) const fn set_running(&mut self) {
        self.has_routers = true;
    }

    /// Reports to the old process that this one runs, if no driver of this process has done so.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if the old process is gone.
    pub async fn confirm_running(&self) -> Result<(), HandoverError> {
        if self.has_routers {
            return Ok(());
        }
        let running = Message::Running { driven: Vec::new() };
        running.send(&self.stream, &[], ANSWER).await
    }

    /// Waits until the old process [has ended](super::HandedOver::confirm_end), and returns its last
    /// document.
    ///
    /// # Errors
    ///
    /// [`HandoverError::Closed`] if the old process was killed, [`HandoverError::TimedOut`] after `limit`.
    pub async fn wait_end(self, limit: Duration) -> Result<String, HandoverError> {
        match Message::receive(&self.stream, limit).await?.0 {
            Message::Ended { document } => Ok(document),
            other => Err(other.unexpected()),
        }
    }
}

/// Assigns sockets to ports, in their order.
fn assign(
    ports: Vec<SharedPort>,
    sockets: Vec<OwnedFd>,
) -> Result<BTreeMap<PortKey, ReceivedPort>, HandoverError> {
    let (actual, expected) = (sockets.len(), ports.iter().map(SharedPort::sockets).sum());
    let mut sockets = sockets.into_iter();
    let mut next = |joined| {
        let missing = HandoverError::Descriptors { actual, expected };
        let descriptor = sockets.next().ok_or(missing)?;
        Ok::<_, HandoverError>(ReceivedSocket { descriptor, joined })
    };
    let mut assigned = BTreeMap::new();
    for port in ports {
        let key = (Arc::from(port.interface.as_str()), port.family);
        let port = ReceivedPort {
            index: port.index,
            plain: next(port.plain)?,
            authenticated: port.authenticated.map(&mut next).transpose()?,
        };
        assigned.insert(key, port);
    }
    Ok(assigned)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::driver::handover::{HandedOver, Payload, Sender};
    use crate::{AddressFamily, Vrid};

    fn descriptor() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    fn routers() -> SharedRouters {
        let port = SharedPort {
            interface: "eth0".to_owned(),
            index: 7,
            family: AddressFamily::Ipv4,
            plain: vec!["224.0.0.18".parse().unwrap()],
            authenticated: Some(Vec::new()),
        };
        let claim = RouterKey {
            interface: Arc::from("eth0"),
            family: AddressFamily::Ipv4,
            vrid: Vrid::new(51).unwrap(),
        };
        SharedRouters::new(vec![port], vec![claim])
    }

    /// The receiver of an offer with one descriptor of the program and `sockets` of the routers.
    fn receiver(routers: SharedRouters, sockets: usize) -> Result<Receiver, HandoverError> {
        let (stream, _) = UnixStream::pair().unwrap();
        let offer = Offer {
            pid: 42,
            document: "document".to_owned(),
            descriptors: 1,
            routers: Some(routers),
        };
        let descriptors = (0..=sockets).map(|_| descriptor()).collect();
        Receiver::new(stream, offer, descriptors)
    }

    fn take(mut receiver: Receiver) -> Result<ReceivedRouters, HandoverError> {
        receiver.take_routers(oneshot::channel().0)
    }

    #[tokio::test]
    async fn descriptors_are_assigned_in_their_order() {
        let mut receiver = receiver(routers(), 3).unwrap();
        assert_eq!(receiver.take_descriptors().len(), 1);
        assert!(receiver.offers_routers());
        let routers = take(receiver).unwrap();
        let (key, port) = routers.ports.first_key_value().unwrap();
        assert_eq!(*key, (Arc::from("eth0"), AddressFamily::Ipv4));
        assert_eq!(port.index, 7);
        assert_eq!(port.plain.joined.len(), 1);
        assert!(port.authenticated.as_ref().unwrap().joined.is_empty());
        let claims: Vec<u8> = routers.claims.keys().map(|key| key.vrid.get()).collect();
        assert_eq!(claims, [51]);
    }

    #[tokio::test]
    async fn invalid_offers_are_refused_with_the_reason() {
        let error = receiver(routers(), 1).unwrap_err();
        assert_eq!(error.to_string(), "the offer has 2 of 4 descriptors");
        let mut elsewhere = routers();
        elsewhere.namespaces.net = "net:[1]".to_owned();
        let error = take(receiver(elsewhere, 3).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the two processes are in different net namespaces"
        );
    }

    async fn connect() -> (Result<Sender, HandoverError>, UnixStream) {
        let (old, new) = UnixStream::pair().unwrap();
        let request = Message::Request {
            format: FORMAT,
            pid: 43,
        };
        request.send(&new, &[], ANSWER).await.unwrap();
        (Sender::accept(old).await, new)
    }

    #[tokio::test]
    async fn programs_without_routers_hand_over_their_documents() {
        let (old, new) = UnixStream::pair().unwrap();
        let sending = async {
            let sender = Sender::accept(old).await.unwrap();
            assert_eq!(sender.pid(), std::process::id());
            let payload = Payload::new("first".to_owned(), vec![descriptor()]);
            let handed_over: HandedOver = sender.offer(None, payload).await.unwrap();
            assert!(!handed_over.has_routers());
            handed_over.confirm_end("last".to_owned()).await.unwrap();
        };
        let receiving = async {
            let mut receiver = Receiver::request(new).await.unwrap();
            assert_eq!(receiver.document(), "first");
            assert_eq!(receiver.take_descriptors().len(), 1);
            assert!(!receiver.offers_routers());
            let outcome = oneshot::channel().0;
            let error = receiver.take_routers(outcome).unwrap_err();
            assert!(matches!(error, HandoverError::NoRouters), "{error}");
            receiver.confirm_running().await.unwrap();
            assert_eq!(receiver.wait_end(ANSWER).await.unwrap(), "last");
        };
        tokio::join!(sending, receiving);
    }

    #[tokio::test]
    async fn refusals_other_formats_and_ends_are_distinguished() {
        let (sender, new) = connect().await;
        let error = sender.unwrap().refuse("not now".to_owned()).await;
        assert!(matches!(error, HandoverError::Refused { .. }), "{error}");
        let (message, _) = Message::receive(&new, ANSWER).await.unwrap();
        let error = message.unexpected().to_string();
        assert_eq!(error, "the other process refused: not now");

        let (old, new) = UnixStream::pair().unwrap();
        let request = Message::Request { format: 9, pid: 43 };
        request.send(&new, &[], ANSWER).await.unwrap();
        let error = Sender::accept(old).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the other process uses handover format 9, this one 4"
        );
        let (message, _) = Message::receive(&new, ANSWER).await.unwrap();
        assert_eq!(
            message.unexpected().to_string(),
            "the other process refused: the running process uses handover format 4, the new one 9"
        );

        let (sender, new) = connect().await;
        drop(new);
        let error = sender.unwrap().offer(None, Payload::default()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, HandoverError::Closed), "{error}");

        let (sender, new) = connect().await;
        Message::Ready.send(&new, &[], ANSWER).await.unwrap();
        let error = sender.unwrap().offer(None, Payload::default()).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "unexpected message Ready of the other process"
        );
    }
}
