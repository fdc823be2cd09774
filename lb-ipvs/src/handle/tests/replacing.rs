// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables that are replaced, against a kernel that is a table and refuses what a test says.

use super::*;
use crate::{
    ReplaceError, Table, TableChange,
    text::{Numeric, table},
    wire::{
        config_attributes, daemon_attributes, daemon_of, destination_attributes,
        destination_key_attributes, destination_of, service_of, timeouts_of,
    },
};

const ESRCH: i32 = 3;
const EINVAL: i32 = 22;

/// Says whether a change is refused, and how, by the change and the number of changes before it.
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
                    None => self.table.lock().unwrap().make(&change).map_err(|_| ESRCH),
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

fn read(text: &str) -> Table {
    table::read(text, &Numeric).unwrap().into_table()
}

/// A handle, the kernel's table, and the requests.
fn kernel_with(
    text: &str,
    refusal: impl FnMut(usize, &TableChange) -> Option<i32> + Send + 'static,
) -> (IpvsHandle, Arc<Mutex<Table>>, Log) {
    let shared = Arc::new(Mutex::new(read(text)));
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

const BEFORE: &str = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m
-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 7 -x 10 -y 5
-A -u 10.0.0.1:53 -s rr
-a -u 10.0.0.1:53 -r 10.0.1.3:80 -m
--set 900 120 300
--start-daemon backup --mcast-interface eth0 --syncid 1 --sync-maxlen 1400 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
";

const DESIRED: &str = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 3
-a -t 10.0.0.1:80 -r 10.0.1.3:80 -m
-A -f 3000000000 -6 -s rr
--set 900 120 60
--start-daemon master --mcast-interface eth0 --syncid 2 --sync-maxlen 1400 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
";

#[tokio::test]
async fn the_table_becomes_as_desired() {
    let (mut ipvs, table, log) = kernel_with(BEFORE, |_, _| None);
    assert_eq!(ipvs.table().await.unwrap(), read(BEFORE));
    let changes = ipvs.replace(&read(DESIRED)).await.unwrap();
    assert_eq!(*table.lock().unwrap(), read(DESIRED));
    assert_eq!(changes, read(BEFORE).plan(&read(DESIRED)));
    assert_eq!(ipvs.replace(&read(DESIRED)).await.unwrap(), []);
    // All changes of services and destinations went in one send.
    let log = log.lock().unwrap();
    assert_eq!(log.iter().filter(|sent| sent.len() > 1).count(), 1);
    assert_eq!(log.iter().map(Vec::len).max(), Some(6));
}

/// Every change in turn is the one that the kernel refuses.
#[tokio::test]
async fn whatever_is_refused_the_table_is_as_before() {
    let count = read(BEFORE).plan(&read(DESIRED)).len();
    assert_eq!(count, 9);
    for at in 0..count {
        let (mut ipvs, table, _) =
            kernel_with(BEFORE, move |index, _| (index == at).then_some(EINVAL));
        let error = ipvs.replace(&read(DESIRED)).await.unwrap_err();
        let ReplaceError::Undone(refused) = error else {
            panic!("{at}: {error:?}");
        };
        assert_eq!(refused.change, read(BEFORE).plan(&read(DESIRED))[at]);
        assert_eq!(refused.source.errno(), Some(EINVAL));
        assert_eq!(*table.lock().unwrap(), read(BEFORE), "{at}");
    }
}

#[tokio::test]
async fn what_cannot_be_undone_is_told() {
    // The deletion of the UDP service is made, the new time-outs are refused, and the service does
    // not come back.
    let (mut ipvs, table, _) = kernel_with(BEFORE, |_, change| match change {
        TableChange::SetTimeouts(_) => Some(EINVAL),
        TableChange::Entry(Change::AddService(service)) => {
            (service.key.protocol() == Some(crate::Protocol::Udp)).then_some(EINVAL)
        }
        _ => None,
    });
    let error = ipvs.replace(&read(DESIRED)).await.unwrap_err();
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
        table.make(change).unwrap();
    }
    assert_eq!(table, read(BEFORE), "what is left is what is missing");
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
    let (mut ipvs, table, _) = kernel_with(BEFORE, move |index, _| {
        if index == 3 {
            let table = inner.lock().unwrap().take().unwrap();
            table.lock().unwrap().make(&made).unwrap();
            return Some(EINVAL);
        }
        None
    });
    *shared.lock().unwrap() = Some(Arc::clone(&table));
    let error = ipvs.replace(&read(DESIRED)).await.unwrap_err();
    assert!(matches!(error, ReplaceError::Undone(_)), "{error:?}");
    let mut expected = read(BEFORE);
    expected.make(&theirs).unwrap();
    assert_eq!(*table.lock().unwrap(), expected);
}

#[tokio::test]
async fn one_change_in_ten_thousand_services_is_one_request() {
    let text = |weight: u32| {
        (0..10_000u32)
            .map(|index| {
                let [_, _, high, low] = index.to_be_bytes();
                let weight = if index == 4711 { weight } else { 1 };
                let service = format!("-t 10.1.{high}.{low}:80");
                format!("-A {service} -s rr\n-a {service} -r 10.0.1.1:80 -m -w {weight}\n")
            })
            .collect::<String>()
    };
    let before = read(&text(1));
    let (mut ipvs, table, log) = kernel_with("", |_, _| None);
    *table.lock().unwrap() = before.clone().with_timeouts(Timeouts::default());
    let changes = ipvs.replace_from(&before, &read(&text(5))).await.unwrap();
    assert_eq!(changes.len(), 1);
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].len(), 1);
    assert_eq!(log[0][0].message.command(), Command::SetDestination);
}
