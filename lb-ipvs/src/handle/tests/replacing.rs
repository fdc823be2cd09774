// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables that are replaced, against a kernel that is a table and refuses the changes that a test selects.

use std::num::NonZeroU32;

use super::*;
use crate::{
    AddressFamily, ForwardingMethod, ReplaceError, Table, TableChange, Thresholds, Weight,
    plan_table,
    table::tests::build_table,
    wire::{
        config_attributes, daemon_attributes, daemon_of, destination_attributes,
        destination_key_attributes, destination_of, service_of, timeouts_of,
    },
};

const ESRCH: i32 = 3;
const EINVAL: i32 = 22;

/// The errno of a refused change, from the change and the number of changes before it.
type Refusal = Box<dyn FnMut(usize, &TableChange) -> Option<i32> + Send>;

/// A kernel with a table.
struct Kernel {
    table: Arc<Mutex<Table>>,
    changes: usize,
    refusal: Refusal,
}

impl Kernel {
    fn answer(&mut self, request: &ScriptedRequest) -> Vec<ScriptedReply> {
        let sequence = request.sequence;
        let IpvsMessage::Common {
            command,
            attributes,
        } = &request.message
        else {
            panic!("{request:?}");
        };
        let reply = |command, attributes| ScriptedReply::Message {
            sequence,
            flags: NLM_F_MULTIPART,
            message: IpvsMessage::new(command, attributes),
        };
        let done = || ScriptedReply::Done { sequence, errno: 0 };
        let table = self.table.lock().unwrap().clone();
        let entry = attributes.iter().find_map(|attribute| match attribute {
            IpvsAttribute::Service(wanted) => table.services().find(|entry| {
                let key = key_attributes(&entry.service().key);
                key.iter().all(|attribute| wanted.contains(attribute))
            }),
            _ => None,
        });
        let replies: Vec<IpvsAttribute> = match command {
            Command::GetService => table
                .services()
                .map(|entry| IpvsAttribute::Service(service_attributes(entry.service())))
                .collect(),
            Command::GetDestination => entry
                .into_iter()
                .flat_map(|entry| entry.destinations())
                .map(|destination| IpvsAttribute::Destination(destination_attributes(destination)))
                .collect(),
            Command::GetDaemon => table
                .sync_daemons()
                .into_iter()
                .flatten()
                .map(|daemon| IpvsAttribute::Daemon(daemon_attributes(daemon)))
                .collect(),
            Command::GetConfig => {
                let attributes = config_attributes(table.timeouts().unwrap());
                let message = IpvsMessage::new(Command::SetConfig, attributes);
                return vec![
                    ScriptedReply::Message {
                        sequence,
                        flags: 0,
                        message,
                    },
                    ScriptedReply::Ack(sequence),
                ];
            }
            _ => {
                let change =
                    change_of(*command, attributes, entry.map(|entry| entry.service().key));
                let Some(change) = change else {
                    return vec![error(sequence, ESRCH)];
                };
                self.changes += 1;
                let refused = (self.refusal)(self.changes - 1, &change);
                let made = match refused {
                    Some(errno) => Err(errno),
                    None => self
                        .table
                        .lock()
                        .unwrap()
                        .apply_table_change(&change)
                        .map_err(|_| ESRCH),
                };
                return match made {
                    Err(errno) => vec![error(sequence, errno)],
                    Ok(()) => ack(std::slice::from_ref(request)),
                };
            }
        };
        let messages = replies
            .into_iter()
            .map(|attribute| reply(*command, vec![attribute]));
        messages.chain([done()]).collect()
    }
}

/// The change that a request asks for; nothing when it is about a service that is not there.
fn change_of(
    command: Command,
    attributes: &[IpvsAttribute],
    key: Option<ServiceKey>,
) -> Option<TableChange> {
    let service = attributes.iter().find_map(|attribute| match attribute {
        IpvsAttribute::Service(service) => Some(service),
        _ => None,
    });
    let destination = attributes.iter().find_map(|attribute| match attribute {
        IpvsAttribute::Destination(destination) => Some(destination),
        _ => None,
    });
    let daemon = attributes.iter().find_map(|attribute| match attribute {
        IpvsAttribute::Daemon(daemon) => Some(daemon),
        _ => None,
    });
    let service = || service_of(service.unwrap()).unwrap().service;
    let whole = |key: &ServiceKey| {
        destination_of(destination.unwrap(), key.family())
            .unwrap()
            .destination
    };
    Some(match command {
        Command::NewService => TableChange::Entry(Change::AddService(service())),
        Command::SetService => TableChange::Entry(Change::EditService(service())),
        Command::DeleteService => TableChange::Entry(Change::DeleteService(key?)),
        Command::NewDestination => TableChange::Entry(Change::AddDestination(key?, whole(&key?))),
        Command::SetDestination => TableChange::Entry(Change::EditDestination(key?, whole(&key?))),
        Command::DeleteDestination => {
            let address = (0..4).flat_map(|last| {
                [80, 8080].map(|port| SocketAddr::new([10, 0, 1, last].into(), port))
            });
            let named =
                |address: &SocketAddr| destination_key_attributes(address) == *destination.unwrap();
            TableChange::Entry(Change::DeleteDestination(
                key?,
                address.clone().find(named)?,
            ))
        }
        Command::SetConfig => TableChange::SetTimeouts(timeouts_of(attributes)),
        Command::NewDaemon => TableChange::StartSyncDaemon(daemon_of(daemon.unwrap()).unwrap()),
        Command::DeleteDaemon => {
            let master = crate::wire::daemon_state_attributes(SyncState::Master);
            TableChange::StopSyncDaemon(if *daemon.unwrap() == master {
                SyncState::Master
            } else {
                SyncState::Backup
            })
        }
        other => panic!("{other:?}"),
    })
}

/// A handle, the kernel's table, and the requests.
fn kernel_with(
    table: Table,
    refusal: impl FnMut(usize, &TableChange) -> Option<i32> + Send + 'static,
) -> (IpvsHandle, Arc<Mutex<Table>>, Log) {
    let shared = Arc::new(Mutex::new(table));
    let mut inner = Kernel {
        table: Arc::clone(&shared),
        changes: 0,
        refusal: Box::new(refusal),
    };
    let (handle, log) = kernel(move |requests| {
        requests
            .iter()
            .flat_map(|request| inner.answer(request))
            .collect()
    });
    (handle, shared, log)
}

fn web() -> ServiceKey {
    ServiceKey::tcp("10.0.0.1:80".parse().unwrap())
}

fn daemon(state: SyncState, id: u8) -> SyncDaemon {
    let mut daemon = SyncDaemon::new(state, "eth0", SyncId::new(id));
    daemon.max_length = Some(1400);
    daemon.group = Some("224.0.0.81".parse().unwrap());
    daemon.port = Some(8848);
    daemon.ttl = Some(1);
    daemon
}

fn before() -> Table {
    let dns = ServiceKey::udp("10.0.0.1:53".parse().unwrap());
    let mut table = build_table(
        [
            (web(), Scheduler::RoundRobin, &[("10.0.1.1:80", 1)][..]),
            (dns, Scheduler::RoundRobin, &[("10.0.1.3:80", 1)]),
        ],
        [900, 120, 300],
        daemon(SyncState::Backup, 1),
    );
    let limited = Destination::new("10.0.1.2:80".parse().unwrap())
        .with_forwarding(ForwardingMethod::Masquerade)
        .with_weight(Weight::new(7).unwrap())
        .with_thresholds(Thresholds {
            upper: 10,
            lower: 5,
        });
    table.add_destination(&web(), limited).unwrap();
    table
}

fn desired() -> Table {
    let mark = NonZeroU32::new(3_000_000_000).unwrap();
    let mark = ServiceKey::firewall_mark(mark, AddressFamily::Ipv6);
    build_table(
        [
            (
                web(),
                Scheduler::WeightedRoundRobin,
                &[("10.0.1.1:80", 3), ("10.0.1.3:80", 1)][..],
            ),
            (mark, Scheduler::RoundRobin, &[]),
        ],
        [900, 120, 60],
        daemon(SyncState::Master, 2),
    )
}

#[tokio::test]
async fn the_table_becomes_as_desired() {
    let (mut ipvs, table, log) = kernel_with(before(), |_, _| None);
    assert_eq!(ipvs.table().await.unwrap(), before());
    let changes = ipvs.replace(&desired()).await.unwrap();
    assert_eq!(*table.lock().unwrap(), desired());
    assert_eq!(changes, plan_table(&before(), &desired()));
    assert_eq!(ipvs.replace(&desired()).await.unwrap(), []);
    // All changes of services and destinations went in one send.
    let log = log.lock().unwrap();
    assert_eq!(log.iter().filter(|sent| sent.len() > 1).count(), 1);
    assert_eq!(log.iter().map(Vec::len).max(), Some(6));
}

/// Every change in turn is the one that the kernel refuses.
#[tokio::test]
async fn whatever_is_refused_the_table_is_as_before() {
    let count = plan_table(&before(), &desired()).len();
    assert_eq!(count, 9);
    for at in 0..count {
        let (mut ipvs, table, _) =
            kernel_with(before(), move |index, _| (index == at).then_some(EINVAL));
        let error = ipvs.replace(&desired()).await.unwrap_err();
        let ReplaceError::Undone(refused) = error else {
            panic!("{at}: {error:?}");
        };
        assert_eq!(refused.change, plan_table(&before(), &desired())[at]);
        assert_eq!(refused.source.errno(), Some(EINVAL));
        assert_eq!(*table.lock().unwrap(), before(), "{at}");
    }
}

#[tokio::test]
async fn changes_that_cannot_be_undone_are_reported() {
    // The deletion of the UDP service is made, the new time-outs are refused, and the service does
    // not come back.
    let (mut ipvs, table, _) = kernel_with(before(), |_, change| match change {
        TableChange::SetTimeouts(_) => Some(EINVAL),
        TableChange::Entry(Change::AddService(service)) => {
            (service.key.protocol() == Some(crate::Protocol::Udp)).then_some(EINVAL)
        }
        _ => None,
    });
    let error = ipvs.replace(&desired()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the table could not be put back: 2 changes would be left to do"
    );
    let ReplaceError::NotUndone { refused, left } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        refused.to_string(),
        "cannot set timeouts (tcp 0 s, tcpfin 0 s, udp 60 s)"
    );
    let mut table = table.lock().unwrap().clone();
    for change in &left {
        table.apply_table_change(change).unwrap();
    }
    assert_eq!(table, before(), "what is left is what is missing");
}

#[tokio::test]
async fn what_others_do_meanwhile_stays() {
    let other = Change::AddService(service(443));
    let theirs = TableChange::Entry(other);
    let (made, shared) = (
        theirs.clone(),
        Arc::new(Mutex::new(None::<Arc<Mutex<Table>>>)),
    );
    let inner = Arc::clone(&shared);
    let (mut ipvs, table, _) = kernel_with(before(), move |index, _| {
        if index == 3 {
            let table = inner.lock().unwrap().take().unwrap();
            table.lock().unwrap().apply_table_change(&made).unwrap();
            return Some(EINVAL);
        }
        None
    });
    *shared.lock().unwrap() = Some(Arc::clone(&table));
    let error = ipvs.replace(&desired()).await.unwrap_err();
    assert!(matches!(error, ReplaceError::Undone(_)), "{error:?}");
    let mut expected = before();
    expected.apply_table_change(&theirs).unwrap();
    assert_eq!(*table.lock().unwrap(), expected);
}

#[tokio::test]
async fn one_change_in_ten_thousand_services_is_one_request() {
    let with_weight = |weight: u32| {
        let mut table = Table::new();
        for index in 0..10_000u32 {
            let [_, _, high, low] = index.to_be_bytes();
            let key = ServiceKey::tcp(SocketAddr::new([10, 1, high, low].into(), 80));
            let weight = if index == 4711 { weight } else { 1 };
            let destination = Destination::new("10.0.1.1:80".parse().unwrap())
                .with_forwarding(ForwardingMethod::Masquerade)
                .with_weight(Weight::new(weight).unwrap());
            let service = Service::new(key, Scheduler::RoundRobin);
            table.add_service(service).unwrap();
            table.add_destination(&key, destination).unwrap();
        }
        table
    };
    let before = with_weight(1);
    let (mut ipvs, table, log) = kernel_with(Table::new(), |_, _| None);
    *table.lock().unwrap() = before.clone().with_timeouts(Timeouts::default());
    let changes = ipvs.replace_from(&before, &with_weight(5)).await.unwrap();
    assert_eq!(changes.len(), 1);
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].len(), 1);
    assert_eq!(log[0][0].message.command(), Command::SetDestination);
}
