// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-L -c` of many connections.
//!
//! They are made by packets that a raw socket of the director itself sends to a service, each
//! from another address and port; the destination is behind a dummy device.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};
use tests_kernel::net::Netns;

use super::measure::Run;
use super::report::Report;
use super::tables::{IPVSADM, LBCTL};
use super::{Options, Outcome, Tools};

const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);
const PORT: u16 = 53;
/// Source ports of one source address.
const PORTS: u32 = 50_000;

pub(crate) fn bench(tools: &Tools, options: &Options, report: &mut Report) -> Outcome {
    let netns = Netns::new("bench")?;
    netns.ip("link add d0 type dummy")?;
    netns.ip("addr add 10.9.0.1/24 dev d0")?;
    netns.ip("link set d0 up")?;
    let rules = tools.folder.join("service");
    let text = format!(
        "-A -u {SERVICE}:{PORT} -s rr\n-a -u {SERVICE}:{PORT} -r 10.9.0.11:{PORT} -m\n--set 0 0 3600\n"
    );
    fs::write(&rules, text)?;
    let restore = Run {
        program: &tools.ipvsadm,
        arguments: &["-R"],
        input: Some(&rules),
    };
    restore.measure(tools, &netns)?;
    let wanted = options.connections;
    for count in [wanted / 10, wanted] {
        netns.enter(move || flood(count))??;
        for round in 1..=options.rounds {
            for (who, program) in [(IPVSADM, &tools.ipvsadm), (LBCTL, &tools.lbctl)] {
                let list = Run {
                    program,
                    arguments: &["-Lcn"],
                    input: None,
                };
                let (cost, output) = list.measure(tools, &netns)?;
                report.add(count, "-Lcn", who, cost);
                println!("{count} -Lcn {who} {round}: {cost:?}");
                // All of them, below two lines of heading.
                let rows = fs::read_to_string(output)?.lines().count();
                if rows != usize::try_from(count)? + 2 {
                    return Err(format!("{rows} lines from {who} of {count} connections").into());
                }
            }
        }
    }
    let nothing = Run {
        program: "true".as_ref(),
        arguments: &[],
        input: None,
    };
    let (cost, _) = nothing.measure(tools, &netns)?;
    report.note(format!(
        "A program that does nothing takes {:.3} s and {:.1} MiB here.",
        cost.wall.as_secs_f64(),
        cost.resident_kib as f64 / 1024.0
    ));
    Ok(())
}

/// One UDP packet from each of so many addresses and ports.
fn flood(count: u32) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
    socket.set_header_included_v4(true)?;
    let target = SocketAddrV4::new(SERVICE, PORT).into();
    for number in 0..count {
        let source = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 8, 0, 1)) + number / PORTS);
        let port = u16::try_from(1024 + number % PORTS).unwrap_or(u16::MAX);
        socket.send_to(&packet(source, port), &target)?;
    }
    Ok(())
}

/// An IPv4 header, of which the kernel fills in the checksum, and an empty UDP datagram without one.
fn packet(source: Ipv4Addr, port: u16) -> [u8; 28] {
    let mut packet = [0; 28];
    let parts: [(usize, &[u8]); 7] = [
        (0, &[0x45, 0, 0, 28]),
        (8, &[64, 17]),
        (12, &source.octets()),
        (16, &SERVICE.octets()),
        (20, &port.to_be_bytes()),
        (22, &PORT.to_be_bytes()),
        (24, &8_u16.to_be_bytes()),
    ];
    for (at, bytes) in parts {
        if let Some(field) = packet.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    }
    packet
}
