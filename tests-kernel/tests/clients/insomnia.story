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
# keepalived 2.2.7 has no version 2.
? file=/run/vrrp/keepalived.json; keepalived -v 2>&1 | grep -q 'v2\.2\.' && grep -o '^\[{"data":{' $file || grep -o '^{"vrrp":\[{"data":{' $file | cut -c 9-
[{"data":{
# Versions that have the number count by events of the kernel, which no process namespace but the first one gets.
$ sleep 1000 &
? kill -36 $daemon; sleep 0.2; [ $SOFTWARE = lbctl ] && grep -o '"track_process":\[{.*' /run/vrrp/keepalived.json
keepalived: [1]
ours: "track_process":[{"process":"router","have_quorum":false,"current_processes":1,"min_processes":2,"max_processes":4294967295}]}
$ ls /tmp | grep keepalived
[1]
$ kill $daemon; wait $daemon
