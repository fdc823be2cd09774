Octavia's amphora with LVS: a service of the kind "forking" in a network namespace, three pid files that the agent
removes before a restart, the modification time of the checkers' file, tables from /proc and ipvsadm.

=== /var/lib/octavia/lvs/octavia-keepalivedlvs-1.conf
# Configuration for Listener 1
# Configuration for Loadbalancer 1

net_namespace amphora-haproxy

virtual_server_group ipv4-group {
    192.168.1.50 80
}

virtual_server group ipv4-group {
    lb_algo wrr
    lb_kind NAT
    protocol UDP
    persistence_timeout 33
    persistence_granularity 255.255.0.0

    delay_loop 300
    delay_before_retry 30
    retry 3

    # Configuration for Pool 1
    # Configuration for HealthMonitor 1
    # Configuration for Member 1
    real_server 192.168.1.61 82 {
        weight 13
        uthreshold 98
        delay_before_retry 31
        retry 3
        MISC_CHECK {
            misc_path "/usr/bin/test -e /tmp/member1"
            misc_timeout 30
        }
    }
    # Configuration for Member 2
    real_server 192.168.1.62 82 {
        weight 13
        uthreshold 98
        delay_before_retry 31
        retry 3
        MISC_CHECK {
            misc_path "/usr/bin/test -e /tmp/member2"
            misc_timeout 30
        }
    }
}
=== transcript
$ touch /tmp/member1 /tmp/member2
$ ip netns add amphora-haproxy && ip -n amphora-haproxy link set lo up
$ cd /var/lib/octavia/lvs; conf=octavia-keepalivedlvs-1
$ start() { ip netns exec amphora-haproxy keepalived --log-facility=3 -f $PWD/$conf.conf -p $PWD/$conf.pid -r $PWD/$conf.vrrp.pid -c $PWD/$conf.check.pid -D; }
$ start; echo $?
0
? ls /var/lib/octavia/lvs | grep pid$
octavia-keepalivedlvs-1.check.pid
octavia-keepalivedlvs-1.pid
# The agent reads the table of the namespace. 2.2.7 loses the granularity of a group.
$ table() { ip netns exec amphora-haproxy ipvsadm -Ln --exact | sed 's/ *$//' | tail -n +4; }
? table
keepalived: UDP  192.168.1.50:80 wrr persistent 33
ours: UDP  192.168.1.50:80 wrr persistent 33 mask 255.255.0.0
  -> 192.168.1.61:82              Masq    13     0          0
  -> 192.168.1.62:82              Masq    13     0          0
$ ip netns exec amphora-haproxy grep -c '^UDP' /proc/net/ip_vs
1
$ ip netns exec amphora-haproxy ipvsadm -Ln --stats --exact | grep -c 192.168.1.6
2
# The status of members counts from when the checkers began: the file is not older than the configuration.
$ [ $conf.check.pid -nt $conf.conf ] && kill -0 $(cat $conf.check.pid) && echo running
running
# An update: a new file, stop, no pid files, start.
$ sed -i '/Member 2/,/^    }$/d' $conf.conf
$ pid=$(cat $conf.pid); kill $pid
? /bin/kill -0 $pid 2>/dev/null || echo ended
ended
$ table
$ rm -f $conf.pid $conf.vrrp.pid $conf.check.pid; start
? table
keepalived: UDP  192.168.1.50:80 wrr persistent 33
ours: UDP  192.168.1.50:80 wrr persistent 33 mask 255.255.0.0
  -> 192.168.1.61:82              Masq    13     0          0
# Reload.
$ sed -i 's/weight 13/weight 7/' $conf.conf; kill -HUP $(cat $conf.pid)
? table
keepalived: UDP  192.168.1.50:80 wrr persistent 33
ours: UDP  192.168.1.50:80 wrr persistent 33 mask 255.255.0.0
  -> 192.168.1.61:82              Masq    7      0          0
$ pid=$(cat $conf.pid); kill $pid
? /bin/kill -0 $pid 2>/dev/null || echo ended
ended
$ table; ls | grep pid
[1]
