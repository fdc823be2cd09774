Exporters and monitors: mehdy's (data and counters, the signal numbers from --signum), gen2brain's and Checkmk's (the
JSON file), each as often as they ask.

=== /etc/keepalived/keepalived.conf
global_defs {
    router_id lb1
    vrrp_version 2
    script_user root
    enable_script_security
}
vrrp_script chk_good {
    script "/usr/bin/test -d /"
    interval 1
    rise 1
    fall 1
    weight 2
}
vrrp_script chk_bad {
    script "/usr/bin/test -e /nonexistent"
    interval 1
    rise 1
    fall 1
    weight 2
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    garp_master_delay 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.168.1.50/24 dev eth0
        192.168.1.51/24 dev eth0 label eth0:one
    }
    virtual_ipaddress_excluded {
        10.0.0.1/32 dev lo
    }
    track_script {
        chk_good
        chk_bad
    }
}
vrrp_instance VI_2 {
    state BACKUP
    interface eth0
    virtual_router_id 52
    priority 90
    virtual_ipaddress {
        192.168.1.60
    }
}
=== transcript
$ keepalived --dont-fork --log-console >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/24
192.168.1.51/24
192.168.1.60/32
# mehdy's exporter.
$ keepalived -v 2>&1 | grep -cE '^Keepalived v[0-9.]+'
1
$ for name in DATA STATS JSON; do keepalived --signum=$name; done
10
12
36
? rm -f /tmp/keepalived.data; kill -10 $(cat /var/run/keepalived.pid); sleep 0.2; cat /tmp/keepalived.data |% mehdy
router VI_1 state MASTER wants MASTER on eth0 vrid 51 delay 1
  192.168.1.50/24 on eth0
  192.168.1.51/24 on eth0
  excluded 10.0.0.1 on lo
router VI_2 state MASTER wants MASTER on eth0 vrid 52 delay 5
  192.168.1.60 on eth0
script chk_good GOOD idle
script chk_bad BAD idle
$ kill -12 $(cat /var/run/keepalived.pid)
? cat /tmp/keepalived.stats |% masters
VI_1 became 1 released 0
VI_2 became 1 released 0
# gen2brain's exporter waits 100 ms; Checkmk takes one line, and makes a metric of each counter.
$ kill -36 $(ps -eo pid,comm | awk '$2 == "keepalived" { print $1; exit }'); sleep 0.1
? cat /tmp/keepalived.json* |% checkmk
1 line
VI_1 vrid 51 state 2 priority 102: addr_list_err=0 advert_interval_err=0 auth_failure=0 authtype_mismatch=0 become_master=1 invalid_authtype=0 invalid_type_rcvd=0 ip_ttl_err=0 packet_len_err=0 pri_zero_rcvd=0 pri_zero_sent=0 release_master=0
VI_2 vrid 52 state 2 priority 90: addr_list_err=0 advert_interval_err=0 auth_failure=0 authtype_mismatch=0 become_master=1 invalid_authtype=0 invalid_type_rcvd=0 ip_ttl_err=0 packet_len_err=0 pri_zero_rcvd=0 pri_zero_sent=0 release_master=0
$ stat -c %a /tmp/keepalived.json /tmp/keepalived.stats
600
600
$ kill $daemon; wait $daemon
