Neutron's L3 agent with high availability: a daemon for each router in a namespace of its own, pid files with the
router's name, a check of the process by its command line, SIGHUP, a restart after kill -9.

=== /tmp/ha_confs/r1/keepalived.conf
global_defs {
    notification_email_from neutron@openstack.local
    router_id neutron
}
vrrp_instance VR_1 {
    state BACKUP
    interface ha-1
    virtual_router_id 1
    priority 50
    garp_master_delay 60
    nopreempt
    advert_int 1
    mcast_src_ip 169.254.192.1
    authentication {
        auth_type PASS
        auth_pass pw
    }
    track_interface {
        ha-1
    }
    virtual_ipaddress {
        169.254.0.1/24 dev ha-1
    }
    virtual_ipaddress_excluded {
        10.0.0.1/24 dev qr-1
        192.168.1.60/24 dev eth0 no_track
        fe80::f816:3eff:fe12:3456/64 dev qr-1 scope link
    }
    virtual_routes {
        0.0.0.0/0 via 192.168.1.1 dev eth0 no_track protocol static
        10.99.0.0/24 dev qr-1 scope link no_track protocol static
    }
}
=== transcript
$ for link in ha-1 qr-1; do ip link add $link type veth peer name p-$link && ip link set p-$link up && ip link set $link up; done
$ ip addr add 169.254.192.1/18 dev ha-1
# The agent asks for the version once.
$ keepalived --version 2>&1 >/dev/null | head -n 1 | grep -oE '^Keepalived v[0-9]+\.[0-9]+\.[0-9]+' | sed 's/ v.*/ v/'
Keepalived v
$ start() { keepalived -P -f /tmp/ha_confs/r1/keepalived.conf -p /tmp/ha_confs/r1.pid.keepalived -r /tmp/ha_confs/r1.pid.keepalived-vrrp -D; }
$ start
? addresses ha-1
169.254.0.1/24
169.254.192.1/18
? addresses
192.168.1.60/24
$ addresses qr-1
10.0.0.1/24
? ip -6 -o addr show dev qr-1 scope link | grep -c fe80::f816:3eff:fe12:3456
1
? ip route show default | grep -o 'default via 192.168.1.1 dev eth0'
default via 192.168.1.1 dev eth0
$ ip route show 10.99.0.0/24 | grep -o '10.99.0.0/24 dev qr-1'
10.99.0.0/24 dev qr-1
# A process of a pid file is the router's if its command line names the configuration.
$ alive() { tr '\0' ' ' </proc/$(cat $1)/cmdline | grep -c /tmp/ha_confs/r1/keepalived.conf; }
$ alive /tmp/ha_confs/r1.pid.keepalived
1
$ alive /tmp/ha_confs/r1.pid.keepalived-vrrp
1
# A new floating address.
$ sed -i 's/no_track$/no_track\n        192.168.1.61\/24 dev eth0 no_track/; s/60\/24 dev eth0 no_track/60\/24 dev eth0 no_track/' /tmp/ha_confs/r1/keepalived.conf
$ kill -HUP $(cat /tmp/ha_confs/r1.pid.keepalived)
? addresses
192.168.1.60/24
192.168.1.61/24
$ addresses ha-1
169.254.0.1/24
169.254.192.1/18
# A crash: the agent kills what the stale files name, and starts again.
$ parent=$(cat /tmp/ha_confs/r1.pid.keepalived); vrrp=$(cat /tmp/ha_confs/r1.pid.keepalived-vrrp)
$ /bin/kill -STOP $parent; /bin/kill -9 $vrrp; /bin/kill -9 $parent 2>/dev/null; true
? [ -d /proc/$parent/fd ] || [ -d /proc/$vrrp/fd ] || echo dead
dead
$ ls /tmp/ha_confs | grep -v sock
r1
r1.pid.keepalived
r1.pid.keepalived-vrrp
$ start
? [ $(cat /tmp/ha_confs/r1.pid.keepalived) != $parent ] && alive /tmp/ha_confs/r1.pid.keepalived
1
? addresses
192.168.1.60/24
192.168.1.61/24
? alive /tmp/ha_confs/r1.pid.keepalived-vrrp
1
# The end: SIGTERM, and SIGKILL after 5 s.
$ parent=$(cat /tmp/ha_confs/r1.pid.keepalived); kill -TERM $parent
? /bin/kill -0 $parent 2>/dev/null || echo ended
ended
$ addresses; addresses qr-1; addresses ha-1
169.254.192.1/18
$ ls /tmp/ha_confs
r1
