// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of the log messages about virtual servers, in words comparable to keepalived's.

use std::fmt;

use lb_ipvs::SyncDaemon;

use crate::director::{Names, Output};
use crate::notify;

/// The log line of an output.
pub(crate) struct Line<'a>(pub(crate) &'a Output);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Output::ServiceChanged(key, _) => write!(f, "service {key} is desired otherwise"),
            Output::CheckAdded {
                suspended: true,
                names,
                ..
            }
            | Output::CheckSuspended { names, .. } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "Suspending healthchecker for service {real_server} for VS {virtual_server}"
                )
            }
            Output::CheckAdded { names, .. } | Output::CheckResumed { names, .. } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "Activating healthchecker for service {real_server} for VS {virtual_server}"
                )
            }
            Output::CheckRemoved { names, .. } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "Removing healthchecker for service {real_server} for VS {virtual_server}"
                )
            }
            Output::RealServerAdded { names, .. } => real_server(f, "Adding", names, "to VS"),
            Output::RealServerRemoved { names, .. } => real_server(f, "Removing", names, "from VS"),
            Output::RealServerEnabled { names, .. } => real_server(f, "Enabling", names, "of VS"),
            Output::RealServerDisabled { names, .. } => real_server(f, "Disabling", names, "of VS"),
            Output::RealServerShutDown { names } => {
                real_server(f, "Shutting down", names, "from VS")
            }
            Output::RealServerGone { names } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                write!(
                    f,
                    "service {real_server} of VS {virtual_server} no longer exists"
                )
            }
            Output::WeightChanged {
                names,
                from,
                to,
                active,
            } => {
                let Names {
                    virtual_server,
                    real_server,
                } = names;
                let active = if *active { "active" } else { "inactive" };
                write!(
                    f,
                    "Changing weight from {from} to {to} for {active} service {real_server} of VS {virtual_server}"
                )
            }
            Output::VirtualServerRemoved { virtual_server } => {
                write!(f, "Removing Virtual Server {virtual_server}")
            }
            Output::StartedWithoutQuorum {
                virtual_server,
                quorum,
            } => write!(
                f,
                "Starting with quorum down for VS {virtual_server}: {} of {}",
                quorum.weight, quorum.quorum
            ),
            Output::QuorumLost {
                virtual_server,
                quorum,
            } => {
                write!(f, "{} for VS {virtual_server}", quorum.lost_text())
            }
            Output::QuorumGained {
                virtual_server,
                quorum,
            } => {
                write!(f, "{} for VS {virtual_server}", quorum.gained_text())
            }
            Output::SorryServerAdded { names, inhibit } => sorry_server(
                f,
                if *inhibit { "Enabling" } else { "Adding" },
                names,
                *inhibit,
                "to",
            ),
            Output::SorryServerRemoved { names, inhibit } => {
                let verb = if *inhibit { "Disabling" } else { "Removing" };
                sorry_server(f, verb, names, *inhibit, "from")
            }
            Output::AliveServersRemoved { virtual_server } => {
                write!(
                    f,
                    "Removing alive servers from the pool for VS {virtual_server}"
                )
            }
            Output::AliveServersAdded { virtual_server } => {
                write!(
                    f,
                    "Adding alive servers to the pool for VS {virtual_server}"
                )
            }
            Output::SyncDaemons(daemons) if daemons.is_empty() => {
                f.write_str("no sync daemon is desired")
            }
            Output::SyncDaemons(daemons) => {
                f.write_str("desired sync daemons:")?;
                for daemon in daemons {
                    let SyncDaemon {
                        state,
                        interface,
                        sync_id,
                        ..
                    } = daemon;
                    write!(f, " {state} on {interface} with sync id {sync_id};")?;
                }
                Ok(())
            }
            Output::Notify(notify::Notification::Script(call)) => {
                write!(f, "script of {}:", call.object)?;
                let mut words = call.script.argv.iter();
                words.try_for_each(|word| write!(f, " {}", word.display()))
            }
            Output::Notify(notify::Notification::Line(line)) => {
                write!(f, "line: {}", line.text.trim_end())
            }
            // The path of the URL may be a secret.
            Output::Notify(notify::Notification::Post(call)) => {
                write!(f, "post to {}: {:?}", call.webhook.authority(), call.event)
            }
            Output::Mail(notification) => write!(f, "mail: {}", notification.subject()),
        }
    }
}

fn real_server(f: &mut fmt::Formatter<'_>, verb: &str, names: &Names, link: &str) -> fmt::Result {
    write!(
        f,
        "{verb} service {} {link} {}",
        names.real_server, names.virtual_server
    )
}

fn sorry_server(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    names: &Names,
    inhibit: bool,
    link: &str,
) -> fmt::Result {
    let link = if inhibit { "of" } else { link };
    write!(
        f,
        "{verb} sorry server {} {link} VS {}",
        names.real_server, names.virtual_server
    )
}

#[cfg(test)]
mod tests {
    use lb_ipvs::ServiceKey;

    use super::*;
    use crate::director::CheckId;

    #[test]
    fn real_servers_are_named_with_their_virtual_server() {
        let names = || Names {
            virtual_server: "[192.168.1.50]:tcp:80".to_owned(),
            real_server: "[192.168.1.61]:tcp:80".to_owned(),
        };
        let reason = || "TCP_CHECK connection refused".to_owned();
        let removed = Output::RealServerRemoved {
            names: names(),
            reason: reason(),
        };
        assert_eq!(
            Line(&removed).to_string(),
            "Removing service [192.168.1.61]:tcp:80 from VS [192.168.1.50]:tcp:80"
        );
        let added = Output::RealServerAdded {
            names: names(),
            reason: reason(),
        };
        assert_eq!(
            Line(&added).to_string(),
            "Adding service [192.168.1.61]:tcp:80 to VS [192.168.1.50]:tcp:80"
        );
        let suspended = Output::CheckAdded {
            id: CheckId {
                service: ServiceKey::tcp("192.168.1.50:80".parse().unwrap()),
                real_server: "192.168.1.61:80".parse().unwrap(),
                index: 0,
            },
            suspended: true,
            names: names(),
        };
        assert_eq!(
            Line(&suspended).to_string(),
            "Suspending healthchecker for service [192.168.1.61]:tcp:80 for VS [192.168.1.50]:tcp:80"
        );
    }
}
