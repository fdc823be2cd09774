The operator of redhat-cop: one file for all nodes with the lines of each, names with a slash, an exporter beside it.

=== /run/keepalived.d/keepalived.conf
global_defs {
    router_id keepalivedgroup
    vrrp_version 3
    @^node2 vrrp_garp_master_repeat 3
}

vrrp_instance namespace/service {
    @node1 state MASTER
    @^node1 state BACKUP
    @node1 priority 200
    @node2 priority 100
    @^node1 interface other0
    @node1 interface eth0
    virtual_router_id 1
    advert_int 0.5

    unicast_peer {
        192.168.1.11
        192.168.1.12
    }
    @node1 unicast_src_ip 192.168.1.11

    virtual_ipaddress {
        192.168.1.50
    }
}
=== transcript
$ mkdir /run/keepalived.run; keepalived -l -D --dont-fork --config-id=node1 --use-file=/run/keepalived.d/keepalived.conf --pid=/run/keepalived.run/keepalived.pid >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/32
$ [ $(cat /run/keepalived.run/keepalived.pid) = $daemon ] && echo same
same
# The exporter finds the process by its name and sends 36.
$ kill -36 $(ps -eo pid,comm | awk '$2 == "keepalived" { print $1; exit }')
? cat /tmp/keepalived.json* |% states
namespace/service state 2 priority 200 vips 192.168.1.50 dev eth0 scope global set
$ grep -o '"iname":"[^"]*"' /tmp/keepalived.json
"iname":"namespace\/service"
$ kill $daemon; wait $daemon
$ addresses
