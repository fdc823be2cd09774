insomnia, a router in the shape of VyOS: TMPDIR names the folder of the files, the JSON file must be there within 3 s.

=== /etc/keepalived/keepalived.conf
global_defs {
    vrrp_version 3
    dynamic_interfaces
    json_version 2
}
vrrp_track_process router {
    process sleep
    quorum 2
}
vrrp_instance group-10 {
    interface eth0
    virtual_router_id 10
    priority 100
    advert_int 0.5
    virtual_ipaddress {
        192.168.1.50/24
    }
    track_process {
        router weight 1
    }
}
=== transcript
$ mkdir /run/vrrp
$ keepalived --version 2>&1 | grep '^Config options' | grep -ow JSON
JSON
$ TMPDIR=/run/vrrp keepalived --dont-fork --use-file /etc/keepalived/keepalived.conf >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/24
$ kill -$(keepalived --signum=JSON) $daemon
? test -s /run/vrrp/keepalived.json && cut -c -19 /run/vrrp/keepalived.json
keepalived: [{"data":{"iname":"
ours: {"vrrp":[{"data":{"
# keepalived 2.2.7 has no version 2 and no counts.
$ sleep 1000 &
? kill -36 $daemon; sleep 0.2; grep -o '"track_process":\[{.*' /run/vrrp/keepalived.json
keepalived: [1]
ours: "track_process":[{"process":"router","have_quorum":false,"current_processes":1,"min_processes":2,"max_processes":4294967295}]}
$ ls /tmp | grep keepalived
[1]
$ kill $daemon; wait $daemon
