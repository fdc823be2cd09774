// SPDX-License-Identifier: MIT OR Apache-2.0
//! The source address of a probe to a virtual address.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use lb_check::LocalError;

/// The source address of packets from this host to a real server, for packets to a virtual address.
///
/// # Errors
/// When there is no route, or its source address is the virtual address or of another family.
pub(super) fn source_address(
    real_server: IpAddr,
    virtual_address: IpAddr,
) -> Result<IpAddr, LocalError> {
    let any: SocketAddr = match real_server {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    // A connected UDP socket has looked up its route, and sends nothing.
    let route = UdpSocket::bind(any).and_then(|socket| {
        socket.connect((real_server, 9))?;
        socket.local_addr()
    });
    let source = route.map_err(|error| {
        LocalError::Other(format!("no source address towards {real_server}: {error}"))
    })?;
    let source = source.ip();
    if source == virtual_address || source.is_ipv4() != virtual_address.is_ipv4() {
        let message = format!(
            "{source} towards {real_server} cannot be the source of a check at {virtual_address}: set bindto"
        );
        return Err(LocalError::Other(message));
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_address_is_that_of_the_route() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let other = IpAddr::from([192, 0, 2, 50]);
        assert_eq!(source_address(local, other), Ok(local));
        for (real_server, virtual_address) in
            [(local, local), (local, "2001:db8::50".parse().unwrap())]
        {
            let error = source_address(real_server, virtual_address).unwrap_err();
            assert!(error.to_string().contains("set bindto"), "{error}");
        }
    }
}
