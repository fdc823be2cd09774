// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions that servers offer, kept for the next connection to the same server.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Servers whose sessions are kept, at most.
const MOST: usize = 4096;

/// A server, a name and the settings of a client.
type Key = (SocketAddr, ServerName<'static>, u64);

/// What is kept of one server. A ticket of TLS 1.3 is used once, and each connection brings others: the latest
/// one is enough.
#[derive(Default)]
struct Kept {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Option<Tls13ClientSessionValue>,
}

static SESSIONS: LazyLock<Mutex<HashMap<Key, Kept>>> = LazyLock::new(Mutex::default);

fn sessions() -> MutexGuard<'static, HashMap<Key, Kept>> {
    SESSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sessions of one server. rustls knows servers by their names alone, and many servers have the same.
pub(super) struct Sessions {
    server: SocketAddr,
    /// The settings of the client.
    client: u64,
}

impl Sessions {
    pub(super) const fn new(server: SocketAddr, client: u64) -> Self {
        Self { server, client }
    }

    fn key(&self, name: &ServerName<'_>) -> Key {
        (self.server, name.to_owned(), self.client)
    }

    fn change(&self, name: ServerName<'static>, change: impl FnOnce(&mut Kept)) {
        let mut sessions = sessions();
        let key = (self.server, name, self.client);
        // A map yields its keys in no order: any of them makes room.
        if sessions.len() >= MOST
            && !sessions.contains_key(&key)
            && let Some(other) = sessions.keys().next().cloned()
        {
            sessions.remove(&other);
        }
        match sessions.entry(key) {
            Entry::Occupied(mut kept) => change(kept.get_mut()),
            Entry::Vacant(room) => change(room.insert(Kept::default())),
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.change(name, |kept| kept.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        sessions().get(&self.key(name))?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.change(name, |kept| kept.tls12 = Some(value));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        sessions().get(&self.key(name))?.tls12.clone()
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(kept) = sessions().get_mut(&self.key(name)) {
            kept.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.change(name, |kept| kept.tls13 = Some(value));
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        sessions().get_mut(&self.key(name))?.tls13.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_servers_is_bounded() {
        let name = || ServerName::try_from("bounded.example").unwrap();
        for port in 1..=u16::try_from(MOST + 100).unwrap() {
            let store = Sessions::new(SocketAddr::from(([192, 0, 2, 1], port)), 7);
            store.set_kx_hint(name(), NamedGroup::X25519);
            assert_eq!(store.kx_hint(&name()), Some(NamedGroup::X25519));
            assert!(sessions().len() <= MOST);
        }
        let other = Sessions::new(SocketAddr::from(([192, 0, 2, 1], 1)), 8);
        assert_eq!(other.kx_hint(&name()), None);
    }
}
