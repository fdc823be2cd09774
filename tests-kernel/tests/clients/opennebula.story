OpenNebula's virtual router: files in a folder, a FIFO with the states on reload that an agent reads, a sync group.

=== /etc/keepalived/keepalived.conf
include /etc/keepalived/conf.d/*.conf
=== /etc/keepalived/conf.d/global.conf
global_defs {
    script_user root
    enable_script_security
    vrrp_notify_fifo /run/keepalived/vrrp_notify_fifo.sock
    fifo_write_vrrp_states_on_reload
}
=== /etc/keepalived/conf.d/vrrp.conf
vrrp_sync_group VRouter {
    group {
        ETH0
    }
}
vrrp_instance ETH0 {
    state             BACKUP
    interface         eth0
    virtual_router_id 1
    priority          100
    advert_int        1
    virtual_ipaddress {
        192.168.1.50/24 dev eth0
    }
    virtual_routes {
    }
}
=== transcript
$ mkdir -p /run/keepalived
$ keepalived --log-detail >/tmp/daemon.log 2>&1
? test -p /run/keepalived/vrrp_notify_fifo.sock
$ cat /run/keepalived/vrrp_notify_fifo.sock >/tmp/states &
? addresses
192.168.1.50/24
? tail -n 2 /tmp/states | sort
GROUP "VRouter" MASTER 0
INSTANCE "ETH0" MASTER 100
$ stat -c %a /run/keepalived/vrrp_notify_fifo.sock
600
# `rc-service keepalived reload` writes the states again.
$ kill -HUP $(cat /run/keepalived.pid)
? grep -c 'MASTER 0' /tmp/states
keepalived: 1
ours: 2
$ addresses
192.168.1.50/24
$ kill $(cat /run/keepalived.pid)
? ls /run | grep pid; addresses
