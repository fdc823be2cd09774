// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs drain`

use std::{
    cell::RefCell,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use lb_ipvs::{
    DestinationEntry, DrainDelete, DrainEnd, DrainEvent, DrainOptions, DrainResult, DrainStep,
    NetworkNamespace, ServiceKey,
};
use lb_ipvsadm::{
    command::{self, ListRequest, LookUp as _, Request},
    json,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    super::{REFUSED, Session, USAGE, block_on, owner, refused, usage},
    undo,
};
use crate::{
    failure::Failure,
    names::SystemNames,
    output::{complain, print},
};

/// Some destination still has connections or was changed externally, or there was none.
const NOT_DRAINED: u8 = 1;
/// Interrupted, as a shell counts SIGINT.
const INTERRUPTED: u8 = 130;

/// Take a real server out without breaking its connections
///
/// Gives it weight 0, which keeps its connections and takes no new ones, waits until they have ended,
/// then deletes it. Persistence templates are not waited for; they expire by themselves. But clients of
/// a persistent service still get to the server with new connections meanwhile, unless
/// `lbctl ipvs sysctl expire_quiescent_template=1`.
///
/// Exit status: 0 drained; 1 not drained: the time was up, another program set its weight, or there is no such
/// real server; 2 a mistake in the line, no IPVS, or a running daemon owns the service; 130 interrupted: the
/// weights stay 0, and the commands that set them back are printed; 255 the kernel refused.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The real server, as ADDRESS or ADDRESS:PORT; without a port, on all its ports
    #[arg(value_name = "RS")]
    server: String,
    /// Only of this TCP service; can be given more than once, as the next ones
    #[arg(short = 't', long, value_name = "HOST:PORT")]
    tcp_service: Vec<String>,
    /// Only of this UDP service
    #[arg(short = 'u', long, value_name = "HOST:PORT")]
    udp_service: Vec<String>,
    /// Only of this SCTP service
    #[arg(long, value_name = "HOST:PORT")]
    sctp_service: Vec<String>,
    /// Only of the service of this firewall mark
    #[arg(short = 'f', long, value_name = "MARK")]
    fwmark_service: Vec<String>,
    /// The firewall marks are of IPv6 services
    #[arg(short = '6', long)]
    ipv6: bool,
    /// How long to wait for connections to end [default: as long as it takes]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Do not delete it in the end; it stays with weight 0
    #[arg(long)]
    keep: bool,
    /// When the time is up, delete it even so, which breaks the connections that are left
    #[arg(long, conflicts_with = "keep", requires = "timeout")]
    force: bool,
    /// Print each step as a line of JSON
    #[arg(long)]
    json: bool,
    /// The control socket of the daemon that might own the service [default: /run/lb/lb.sock]
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let names = SystemNames::new();
    let (address, port) = real_server(&args.server, &names)?;
    let services = args.services(&names)?;
    block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let found = session.ipvs.find_destinations(address, port).await;
        let mut targets = found.map_err(|error| refused(&error, REFUSED))?;
        targets.retain(|(key, _)| services.is_empty() || services.contains(key));
        if targets.is_empty() {
            let limit = if services.is_empty() { "" } else { " of these" };
            let text = format!("no service{limit} has the real server {}", args.server);
            return Err(Failure::new(NOT_DRAINED, text));
        }
        not_owned(args, netns, &targets).await?;
        drain(args, netns, &mut session, &targets).await
    })
}

impl Args {
    fn options(&self) -> DrainOptions {
        let options = DrainOptions::default().with_delete(match (self.keep, self.force) {
            (true, _) => DrainDelete::Never,
            (_, true) => DrainDelete::Always,
            _ => DrainDelete::WhenDrained,
        });
        match self.timeout {
            Some(seconds) => options.with_timeout(Duration::from_secs(seconds)),
            None => options,
        }
    }

    /// The services that are named, as ipvsadm's options name them.
    fn services(&self, names: &SystemNames) -> Result<Vec<ServiceKey>, Failure> {
        let mut services = Vec::new();
        for (option, values) in [
            ("--tcp-service", &self.tcp_service),
            ("--udp-service", &self.udp_service),
            ("--sctp-service", &self.sctp_service),
            ("--fwmark-service", &self.fwmark_service),
        ] {
            for value in values {
                let mut words = vec!["-L".to_owned(), option.to_owned(), value.clone()];
                if self.ipv6 && option == "--fwmark-service" {
                    words.push("-6".to_owned());
                }
                let request = command::parse(&words, "lbctl ipvs", names).map_err(usage)?;
                if let Request::List(ListRequest::Table {
                    service: Some(key), ..
                }) = request
                {
                    services.push(key);
                }
            }
        }
        Ok(services)
    }
}

/// `ADDRESS`, `ADDRESS:PORT`, `[V6]`, `[V6]:PORT`, or a name in the place of an IPv4 address.
fn real_server(text: &str, names: &SystemNames) -> Result<(IpAddr, Option<u16>), Failure> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((address.ip(), Some(address.port())));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok((address, None));
    }
    let illegal = || Failure::new(USAGE, "illegal real server address[:port] specified");
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| illegal())?)),
        None => (text, None),
    };
    let address = host
        .parse()
        .ok()
        .or_else(|| names.host(host))
        .ok_or_else(illegal)?;
    Ok((IpAddr::V4(address), port))
}

/// Refuses where a running daemon owns a service: to it, draining would be drift.
async fn not_owned(
    args: &Args,
    netns: Option<&NetworkNamespace>,
    targets: &[(ServiceKey, DestinationEntry)],
) -> Result<(), Failure> {
    let Some(ownership) = owner::ownership(args.control.as_deref(), netns).await else {
        return Ok(());
    };
    let owned = |(key, _): &&(ServiceKey, DestinationEntry)| ownership.owned.get(key).is_some();
    match targets.iter().find(owned) {
        None => Ok(()),
        Some((key, _)) => Err(Failure::new(
            USAGE,
            format!(
                "{} owns {key}; to drain {}, set its weight to 0 in the daemon's configuration and \
                 reload it",
                owner::name(&ownership),
                args.server
            ),
        )),
    }
}

async fn drain(
    args: &Args,
    netns: Option<&NetworkNamespace>,
    session: &mut Session<'_>,
    targets: &[(ServiceKey, DestinationEntry)],
) -> Result<u8, Failure> {
    let failed = |error: std::io::Error| Failure::from_error(NOT_DRAINED, &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let events = RefCell::new(Vec::new());
    let options = args.options();
    let draining = session.ipvs.drain(targets, &options, |event| {
        show(event, args.json);
        events.borrow_mut().push(event.clone());
    });
    let results = tokio::select! {
        results = draining => results,
        _ = interrupt.recv() => Ok(Vec::new()),
        _ = terminate.recv() => Ok(Vec::new()),
    };
    match results {
        Ok(results) if results.is_empty() => {
            let quiesced = still_quiesced(&events.borrow());
            complain("interrupted; the weights that were set to 0 stay so");
            go_back(netns, &quiesced);
            Ok(INTERRUPTED)
        }
        Ok(results) => Ok(conclude(netns, &results)),
        Err(error) => {
            go_back(netns, &still_quiesced(&events.borrow()));
            Err(refused(&error, REFUSED))
        }
    }
}

fn show(event: &DrainEvent, json: bool) {
    let text = if json {
        let mut line = Vec::new();
        // Writing to memory does not fail.
        let _ = json::drain_event(event, &mut line);
        String::from_utf8_lossy(&line).into_owned()
    } else {
        format!("{event}\n")
    };
    // Draining continues when standard output cannot be written.
    if let Err(failure) = print(&text) {
        complain(&failure.to_string());
    }
}

/// Those that have weight 0 by our hand, as they were.
fn still_quiesced(events: &[DrainEvent]) -> Vec<(ServiceKey, lb_ipvs::Destination)> {
    let mut quiesced = Vec::new();
    for event in events {
        match event.step {
            DrainStep::Quiesced { before } => quiesced.push((event.key, before)),
            DrainStep::Deleted | DrainStep::Gone | DrainStep::Reweighted(_) => quiesced
                .retain(|(key, before)| (*key, before.address) != (event.key, event.address)),
            _ => {}
        }
    }
    quiesced
}

/// Prints the commands that set the weights back.
fn go_back(netns: Option<&NetworkNamespace>, quiesced: &[(ServiceKey, lb_ipvs::Destination)]) {
    if !quiesced.is_empty() {
        complain("to go back:");
    }
    for (key, before) in quiesced {
        complain(&format!("  {}", undo::command(netns, *key, before)));
    }
}

/// Prints the destinations that still have connections, and the commands that restore the weights.
fn conclude(netns: Option<&NetworkNamespace>, results: &[DrainResult]) -> u8 {
    let undrained = results.iter().filter(|result| !result.is_drained()).count();
    if undrained == 0 {
        return 0;
    }
    complain(&format!("{undrained} of {} not drained", results.len()));
    let quiesced: Vec<_> = results
        .iter()
        .filter(|result| matches!(result.end, DrainEnd::TimedOut(_)) && !result.deleted)
        .map(|result| (result.key, result.before))
        .collect();
    go_back(netns, &quiesced);
    NOT_DRAINED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_servers() {
        let names = SystemNames::new();
        let read = |text| real_server(text, &names).ok();
        let v4: IpAddr = "192.168.1.61".parse().unwrap();
        let v6: IpAddr = "fd00::61".parse().unwrap();
        assert_eq!(read("192.168.1.61"), Some((v4, None)));
        assert_eq!(read("192.168.1.61:80"), Some((v4, Some(80))));
        assert_eq!(read("fd00::61"), Some((v6, None)));
        assert_eq!(read("[fd00::61]"), Some((v6, None)));
        assert_eq!(read("[fd00::61]:80"), Some((v6, Some(80))));
        for wrong in ["192.168.1.61:", "192.168.1.61:65536", "192.168.1.61:x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_to_be_set_back() {
        let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
        let servers = ["192.168.1.61:80", "192.168.1.62:80"]
            .map(|address| lb_ipvs::Destination::new(address.parse().unwrap()));
        let mut events: Vec<_> = servers
            .map(|before| DrainEvent::new(key, before.address, DrainStep::Quiesced { before }))
            .into();
        assert_eq!(still_quiesced(&events).len(), 2);
        events.push(DrainEvent::new(key, servers[0].address, DrainStep::Deleted));
        assert_eq!(still_quiesced(&events), [(key, servers[1])]);
    }
}
