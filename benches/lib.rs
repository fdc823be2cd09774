// SPDX-License-Identifier: MIT OR Apache-2.0
//! The large load balancer of the benches: 10 000 virtual servers with four real servers each.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use lb_ipvs::{Destination, ForwardingMethod, Scheduler, Service, ServiceKey};

/// Virtual servers.
pub const SERVICES: u16 = 10_000;
/// Real servers of each.
pub const REAL_SERVERS: u8 = 4;

/// The address of a virtual server, 10.0.0.0 and following.
fn virtual_address(index: u16) -> Ipv4Addr {
    let [high, low] = index.to_be_bytes();
    Ipv4Addr::new(10, high, low, 1)
}

/// The address of one of its real servers, 172.16.0.0 and following.
fn real_address(index: u16, number: u8) -> Ipv4Addr {
    let [high, low] = index.to_be_bytes();
    Ipv4Addr::new(172, 16 + high % 16, low, 64 * (high / 16) + number + 1)
}

/// A virtual server as IPVS has it.
#[must_use]
pub fn service(index: u16) -> (Service, Vec<Destination>) {
    let key = ServiceKey::tcp((virtual_address(index), 80).into());
    let destinations = (0..REAL_SERVERS).map(|number| {
        let address = SocketAddr::from((real_address(index, number), 80));
        Destination::new(address).with_forwarding(ForwardingMethod::DirectRouting)
    });
    let service = Service::new(key, Scheduler::WeightedRoundRobin);
    (service, destinations.collect())
}

/// The check that each real server of a configuration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two that are measured")]
pub enum Check {
    /// `TCP_CHECK`: eight lines for each real server.
    Tcp,
    /// `HTTP_GET` with a digest, as in the article: thirteen lines.
    Http,
}

/// All of them as a keepalived.conf.
#[must_use]
pub fn configuration(check: Check) -> String {
    let check = match check {
        Check::Tcp => {
            "        TCP_CHECK {\n            connect_timeout 3\n            retry 3\n            \
             delay_before_retry 3\n        }\n"
        }
        Check::Http => {
            "        HTTP_GET {\n            url {\n                path /\n                \
             digest 21dde95d9d269cbb2fa6560309dca40c\n            }\n            \
             connect_timeout 3\n            retry 3\n            delay_before_retry 3\n        \
             }\n"
        }
    };
    let mut text = String::new();
    for index in 0..SERVICES {
        let address = virtual_address(index);
        // A String takes everything.
        let _ = write!(
            text,
            "virtual_server {address} 80 {{\n    delay_loop 5\n    lb_algo wrr\n    lb_kind DR\n    \
             protocol TCP\n    ha_suspend\n"
        );
        for number in 0..REAL_SERVERS {
            let address = real_address(index, number);
            let _ = write!(
                text,
                "    real_server {address} 80 {{\n        weight 1\n{check}    }}\n"
            );
        }
        text.push_str("}\n");
    }
    text
}
