// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `ipvsadm -h` and `-v` print.

/// The version. The first two words are what scripts look at: the ipvsadm this behaves as.
pub(crate) fn version() -> String {
    format!(
        "ipvsadm v1.31 compatible (lbctl {}, IPVS v1.2.1)\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The grammar; `program` is the name it was called by.
pub(crate) fn help(program: &str) -> String {
    let mut text = version();
    text.push_str("Usage:\n");
    for line in USAGE.lines() {
        text.push_str(&format!("  {program} {line}\n"));
    }
    text.push_str(OPTIONS);
    text
}

const USAGE: &str = "\
-A|E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [--pe ENGINE] [-b FLAGS] [-o]
-D SERVICE
-a|e SERVICE -r HOST[:PORT] [-g|-i|-m] [-w WEIGHT] [-x MAX] [-y MIN] [tunnel options]
-d SERVICE -r HOST[:PORT]
-L|l [SERVICE] [list options]
-Z [SERVICE]
-C
-S [-n]
-R
--set TCP TCPFIN UDP
--start-daemon master|backup [daemon options]
--stop-daemon master|backup
-h
-v
";

const OPTIONS: &str = "
The command comes first; without arguments the table is listed.

Commands:
  -A, --add-service         make a virtual service
  -E, --edit-service        replace its settings; what is not given becomes the default
  -D, --delete-service      remove it with its real servers
  -a, --add-server          give a service a real server
  -e, --edit-server         replace its settings; what is not given becomes the default
  -d, --delete-server       take it away
  -L, -l, --list            show the table
  -Z, --zero                set counters to zero, of one service or of all
  -C, --clear               empty the table
  -S, --save                write the table as commands
  -R, --restore             carry out commands from standard input, one a line
      --set                 set the time-outs of connections; 0 leaves one as it is
      --start-daemon        start a connection synchronization daemon
      --stop-daemon         stop it

SERVICE:
  -t, --tcp-service HOST[:PORT]
  -u, --udp-service HOST[:PORT]
      --sctp-service HOST[:PORT]
  -f, --fwmark-service MARK [-6]     packets with a firewall mark; -6: IPv6

Service options:
  -s, --scheduler NAME      rr wrr lc wlc (default) lblc lblcr dh sh sed nq fo ovf mh twos
  -p, --persistent [SECONDS]         a client stays at its real server (360)
  -M, --netmask MASK        clients of one network stay together
      --pe NAME             persistence engine (sip)
  -o, --ops                 each packet on its own (UDP)
  -b, --sched-flags LIST    sh-fallback,sh-port  mh-fallback,mh-port  flag-1,flag-2,flag-3

Real server options:
  -g, --gatewaying          direct routing (default)
  -i, --ipip                tunnel
  -m, --masquerading        NAT
  -w, --weight N            share of new connections (1); 0 lets it run dry
  -x, --u-threshold N       no new connections from so many on
  -y, --l-threshold N       new connections again below so many
      --tun-type TYPE       ipip (default) gue gre
      --tun-port PORT       port of gue
      --tun-nocsum | --tun-csum | --tun-remcsum

List options:
  -n, --numeric             no names
      --stats               totals           --rate               per second
      --thresholds          connection limits
      --persistent-conn     persistence templates
      --tun-info            kinds of tunnels
  -X, --exact               large numbers in full
      --nosort              the kernel's order
  -c, --connection          connections instead of services
      --timeout             time-outs instead of services
      --daemon              synchronization daemons instead of services

Daemon options:
      --mcast-interface NAME (eth0)  --syncid ID (0)  --sync-maxlen BYTES
      --mcast-group ADDRESS (224.0.0.81)  --mcast-port PORT (8848)  --mcast-ttl TTL (1)
";
