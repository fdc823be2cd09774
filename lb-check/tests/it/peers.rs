// SPDX-License-Identifier: MIT OR Apache-2.0
//! Peers that answer nothing.

use std::net::{Ipv4Addr, SocketAddr};

use lb_check::Target;
use socket2::{Domain, Socket, Type};

/// An address without a listener.
pub(crate) fn closed() -> Target {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    Target::new(socket.local_addr().unwrap().as_socket().unwrap())
}

/// A listener whose queue is full: it answers no SYN any more.
pub(crate) fn deaf() -> (Target, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut sockets = vec![listener];
    for _ in 0..3 {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        let _ = client.connect(&address);
        sockets.push(client);
    }
    (Target::new(address.as_socket().unwrap()), sockets)
}
