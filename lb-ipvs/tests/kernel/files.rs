// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is read from files: plain listings, connections, settings, helpers; and namespaces.

use std::{
    fs, io,
    net::{TcpListener, TcpStream, UdpSocket},
    path::Path,
};

use lb_ipvs::{
    Application, Helper, NetworkNamespace, Protocol,
    connections::{Connection, Origin},
    sysctl::{SyncThreshold, Sysctl, SysctlError, SysctlValue},
};

use super::*;

pub(super) fn run(program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {arguments}: {output:?}");
}

/// How often is tried to read the table while it is at rest: newer kernels resize it some hundredths of a
/// second after it was changed, and have another order of services from then on.
const TRIES: u32 = 100;

async fn whole(ipvs: &mut IpvsHandle) -> Vec<lb_ipvs::PlainEntry> {
    let table = ipvs.snapshot().await.unwrap();
    table.into_iter().map(Into::into).collect()
}

/// What `ours` makes of the table, and what `theirs` makes of it before and after, which must be the same.
macro_rules! at_rest {
    ($theirs:expr, $ours:expr) => {{
        let mut tries = 0;
        loop {
            let before = $theirs;
            let ours = $ours;
            if before == $theirs {
                break (ours, before);
            }
            tries += 1;
            assert!(tries < TRIES, "the table is never at rest");
        }
    }};
}

/// A plain snapshot prints as ipvsadm does, and tells what the whole snapshot tells.
async fn plain_is_whole(ipvs: &mut IpvsHandle) {
    let (plain, whole) = at_rest!(whole(ipvs).await, ipvs.plain_snapshot().await.unwrap());
    assert_eq!(plain, whole);
    for (options, arguments) in [
        (lb_ipvsadm::Listing::default(), "-L -n"),
        (
            lb_ipvsadm::Listing::default().with_sort(false),
            "-L -n --nosort",
        ),
    ] {
        let theirs = || ipvsadm(arguments).replace("FWM  -1 ", "FWM  4294967295 ");
        let (ours, theirs) = at_rest!(theirs(), {
            let plain = ipvs.plain_snapshot().await.unwrap();
            let info = ipvs.info().await.unwrap();
            let mut ours = String::new();
            lb_ipvsadm::plain_listing(&options, &info, &plain, &mut ours).unwrap();
            ours
        });
        assert_eq!(ours, theirs);
    }
}

pub(super) async fn plain_listings() {
    let mut ipvs = connect().await;
    plain_is_whole(&mut ipvs).await;
    let keys = [
        ServiceKey::tcp(address("10.0.0.1:80")),
        ServiceKey::udp(address("10.0.0.1:53")),
        ServiceKey::sctp(address("10.0.0.1:9")),
        ServiceKey::tcp(address("[fd00::50]:80")),
        ServiceKey::firewall_mark(NonZeroU32::MAX, AddressFamily::Ipv4),
        ServiceKey::firewall_mark(NonZeroU32::MIN, AddressFamily::Ipv6),
        ServiceKey::Address {
            protocol: Protocol::Other(50),
            address: address("10.0.0.1:7"),
        },
    ];
    for key in keys {
        let service = Service::new(key, Scheduler::SourceHashing)
            .with_flags(ServiceFlags::SCHED_1 | ServiceFlags::ONE_PACKET)
            .with_persistence(Persistence::new(Duration::from_secs(77)));
        ipvs.add_service(&service).await.unwrap();
    }
    let gue = Tunnel::gue(6080).with_flags(TunnelFlags::CHECKSUM);
    for (n, method) in [
        ForwardingMethod::DirectRouting,
        ForwardingMethod::Masquerade,
        ForwardingMethod::Tunnel(gue),
        ForwardingMethod::Local,
    ]
    .into_iter()
    .enumerate()
    {
        let server = SocketAddr::new(
            Ipv4Addr::new(10, 9, 0, u8::try_from(n).unwrap() + 2).into(),
            80,
        );
        let destination = Destination::new(server)
            .with_forwarding(method)
            .with_weight(Weight::MAX)
            .with_thresholds(Thresholds { upper: 9, lower: 3 });
        ipvs.add_destination(&keys[0], &destination).await.unwrap();
        ipvs.add_destination(&keys[4], &destination).await.unwrap();
    }
    let six = Destination::new(address("[fd00::66]:80"));
    ipvs.add_destination(&keys[3], &six).await.unwrap();
    ipvs.add_destination(&keys[5], &six).await.unwrap();
    plain_is_whole(&mut ipvs).await;
    // More than one page of the file.
    let many: Vec<Change> = (0..300)
        .flat_map(|n| {
            let key = numbered(n);
            let service = Change::AddService(Service::new(key, Scheduler::RoundRobin));
            let servers = (1..=4).map(move |server| {
                let server = SocketAddr::new(Ipv4Addr::new(10, 2, 0, server).into(), 80);
                Change::AddDestination(key, Destination::new(server))
            });
            std::iter::once(service).chain(servers)
        })
        .collect();
    let outcomes = ipvs.apply(&many).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    plain_is_whole(&mut ipvs).await;
    ipvs.flush().await.unwrap();
}

/// A connection through a service to a listener of ours, seen in the table.
pub(super) async fn connections() {
    let mut ipvs = connect().await;
    run("ip", "address add 10.77.0.1/32 dev lo");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let key = ServiceKey::tcp(address("10.77.0.1:80"));
    let destination = Destination::new(listener.local_addr().unwrap())
        .with_forwarding(ForwardingMethod::Masquerade);
    ipvs.add_service(&Service::new(key, Scheduler::RoundRobin))
        .await
        .unwrap();
    ipvs.add_destination(&key, &destination).await.unwrap();
    let client = TcpStream::connect(key.address().unwrap()).unwrap();
    let ours = |connection: &Connection| connection.client == client.local_addr().unwrap();
    let seen = ipvs
        .connections()
        .unwrap()
        .map(Result::unwrap)
        .find(ours)
        .unwrap();
    assert_eq!(seen.protocol, "TCP");
    assert_eq!(Some(seen.virtual_address), key.address());
    assert_eq!(seen.destination, destination.address);
    assert!((1..=900).contains(&seen.expires), "{seen:?}");
    assert_eq!(seen.origin, None);
    let synced = ipvs
        .connections_with_origin()
        .unwrap()
        .map(Result::unwrap)
        .find(ours)
        .unwrap();
    assert_eq!(synced.origin, Some(Origin::Local));
    let active: u32 = ipvs.plain_snapshot().await.unwrap()[0]
        .destinations
        .iter()
        .map(|destination| destination.active + destination.inactive)
        .sum();
    assert_eq!(active, 1);
    drop((client, listener));
    ipvs.flush().await.unwrap();
    run("ip", "address del 10.77.0.1/32 dev lo");
}

pub(super) async fn sysctls() {
    let ipvs = connect().await;
    let all = ipvs.sysctls().unwrap();
    for (sysctl, value) in all.iter() {
        let text = fs::read_to_string(format!("/proc/sys/net/ipv4/vs/{sysctl}")).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(value.to_string(), words.join(" "), "{sysctl}");
        assert_eq!(ipvs.sysctl(sysctl).unwrap(), *value);
    }
    let files = fs::read_dir("/proc/sys/net/ipv4/vs").unwrap().count();
    assert_eq!(all.iter().count(), files);
    // After boot every setting has the default that this crate documents, and none is unknown.
    let changed: Vec<_> = all.changed().collect();
    assert!(changed.is_empty(), "{changed:?}");
    let unknown = all
        .iter()
        .filter(|(sysctl, _)| matches!(sysctl, Sysctl::Other(_)));
    assert_eq!(unknown.count(), 0);
    let pair = |threshold, period| SysctlValue::SyncThreshold(SyncThreshold { threshold, period });
    for (sysctl, value) in [
        (Sysctl::ExpireNodestConn, SysctlValue::Flag(true)),
        (Sysctl::DropEntry, SysctlValue::Number(3)),
        (Sysctl::SyncThreshold, pair(2, 10)),
        (
            Sysctl::SyncRefreshPeriod,
            SysctlValue::Seconds(Duration::from_secs(9)),
        ),
    ] {
        let before = ipvs.sysctl(&sysctl).unwrap();
        ipvs.set_sysctl(&sysctl, &value).unwrap();
        assert_eq!(ipvs.sysctl(&sysctl).unwrap(), value);
        ipvs.set_sysctl(&sysctl, &before).unwrap();
    }
    let error = ipvs
        .set_sysctl(&Sysctl::SyncThreshold, &pair(50, 3))
        .unwrap_err();
    assert_eq!(error.errno(), Some(22));
    assert_eq!(
        error.to_string(),
        "cannot set net.ipv4.vs.sync_threshold to 50 3"
    );
    let error = ipvs.sysctl(&"nosuch".parse().unwrap()).unwrap_err();
    let Error::Sysctl(SysctlError::Read { source, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
}

/// The state of the tables, where the kernel shows it.
pub(super) async fn status() {
    const FILE: &str = "/proc/net/ip_vs_status";
    let mut ipvs = connect().await;
    if !Path::new(FILE).exists() {
        assert_eq!(ipvs.status().unwrap(), None);
        return;
    }
    let empty = ipvs.status().unwrap().unwrap();
    assert_eq!(empty.services.entries, Some(0));
    assert_eq!(empty.services.buckets, Some(0));
    let services: Vec<Change> = (0..300)
        .map(|n| Change::AddService(Service::new(numbered(n), Scheduler::RoundRobin)))
        .collect();
    ipvs.apply(&services).await.unwrap();
    let (status, _) = at_rest!(
        fs::read_to_string(FILE).unwrap(),
        ipvs.status().unwrap().unwrap()
    );
    println!("{status:?}");
    assert!(status.other.is_empty(), "{status:?}");
    assert_eq!(status.services.entries, Some(300));
    let buckets = status.services.buckets.unwrap();
    let used: u64 = status.services.chains.values().sum();
    assert_eq!(status.services.empty.unwrap() + used, buckets);
    assert!(status.services.longest_chain().is_some());
    let size = u64::from(ipvs.info().await.unwrap().connection_table_size);
    assert_eq!(status.connections.buckets, Some(size));
    assert!(status.connections.load_factor.is_some());
    assert!(status.estimation.threads.is_some() && status.estimation.max_threads.is_some());
    assert!(status.estimation.max_estimators.is_some());
    ipvs.flush().await.unwrap();
}

/// Two tables and two sets of settings from one process, whose own are a third.
pub(super) async fn namespaces() {
    let mut here = connect().await;
    for name in ["lb-blue", "lb-green"] {
        run("ip", &format!("netns add {name}"));
        // Without a route the kernel takes no destination.
        run("ip", &format!("-n {name} link set lo up"));
    }
    let mut blue = IpvsHandle::connect_in(&NetworkNamespace::named("lb-blue").unwrap())
        .await
        .unwrap();
    let green = NetworkNamespace::at("/run/netns/lb-green").unwrap();
    let mut green = IpvsHandle::connect_in(&green).await.unwrap();
    let service = |ip: &str| Service::new(ServiceKey::tcp(address(ip)), Scheduler::RoundRobin);
    blue.add_service(&service("10.0.0.1:80")).await.unwrap();
    for n in 0..3 {
        green
            .add_service(&service(&format!("10.0.0.{n}:81")))
            .await
            .unwrap();
    }
    blue.add_destination(
        &ServiceKey::tcp(address("10.0.0.1:80")),
        &Destination::new(address("127.0.0.9:80")),
    )
    .await
    .unwrap();
    // The connection of the test before is still remembered, here and nowhere else.
    for (ipvs, services, connections) in [(&mut here, 0, 1), (&mut blue, 1, 0), (&mut green, 3, 0)]
    {
        assert_eq!(ipvs.services().await.unwrap().len(), services);
        // The destinations come from a file, which is the namespace's own too.
        let plain = ipvs.plain_snapshot().await.unwrap();
        assert_eq!(plain.len(), services);
        assert_eq!(ipvs.connections().unwrap().count(), connections);
    }
    let destinations = blue.plain_snapshot().await.unwrap()[0].destinations.clone();
    assert_eq!(destinations[0].address, address("127.0.0.9:80"));
    let on = SysctlValue::Flag(true);
    blue.set_sysctl(&Sysctl::Conntrack, &on).unwrap();
    assert_eq!(blue.sysctl(&Sysctl::Conntrack).unwrap(), on);
    for other in [&here, &green] {
        assert_eq!(
            other.sysctl(&Sysctl::Conntrack).unwrap(),
            SysctlValue::Flag(false)
        );
    }
    // This thread has not moved.
    assert!(ipvsadm("-S -n").is_empty());
    let theirs = Command::new("ip")
        .args(["netns", "exec", "lb-green", "ipvsadm", "-S", "-n"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&theirs.stdout).lines().count(), 3);
    // Bound here, a socket would be in another namespace if the thread had moved.
    assert!(UdpSocket::bind("127.0.0.1:0").is_ok());
    drop((blue, green));
    for name in ["lb-blue", "lb-green"] {
        run("ip", &format!("netns del {name}"));
    }
}

/// The application helper for FTP is loaded on request.
pub(super) async fn helpers() {
    let ipvs = connect().await;
    let ftp = |helpers: Vec<Application>| {
        helpers
            .into_iter()
            .find(|helper| (helper.name.as_str(), helper.port) == ("ftp", 21))
    };
    assert_eq!(ftp(ipvs.applications().unwrap()), None);
    ipvs.load_helper(Helper::Ftp).await.unwrap();
    let loaded = ftp(ipvs.applications().unwrap()).unwrap();
    assert_eq!((loaded.protocol, loaded.uses), (Protocol::Tcp, 0));
    assert!(Path::new("/sys/module/ip_vs_ftp").exists());
    // Once more there is nothing to do.
    ipvs.load_helper(Helper::Ftp).await.unwrap();
    run("rmmod", "ip_vs_ftp");
    assert_eq!(ftp(ipvs.applications().unwrap()), None);
}
