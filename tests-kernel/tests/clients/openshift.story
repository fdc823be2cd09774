OpenShift on its own machines: a static pod runs keepalived; its liveness probe wants a data file that names an
instance within 5 s of a signal; a monitor reloads it.

=== /etc/keepalived/keepalived.conf
global_defs {
    enable_script_security
    script_user root
    max_auto_priority -1
    vrrp_garp_master_refresh 60
}

# A default port is used, because only the local answer counts.
vrrp_script chk_ocp_lb {
    script "/usr/bin/timeout 1.9 /etc/keepalived/chk_ocp_script.sh"
    interval 2
    weight 20
    rise 3
    fall 2
}

vrrp_script chk_default_ingress {
    script "/usr/bin/timeout 4.9 /etc/keepalived/chk_default_ingress.sh"
    interval 5
    weight 20
    rise 3
    fall 2
}

vrrp_instance cluster_API {
    state BACKUP
    interface eth0
    virtual_router_id 91
    priority 40
    advert_int 1
    unicast_src_ip 192.168.1.11
    unicast_peer {
        192.168.1.12
        192.168.1.13
    }
    authentication {
        auth_type PASS
        auth_pass cluster_api_vip
    }
    virtual_ipaddress {
        192.168.1.50/32 label vip
    }
    track_script {
        chk_ocp_lb
    }
}

vrrp_instance cluster_INGRESS {
    state BACKUP
    interface eth0
    virtual_router_id 92
    priority 20
    advert_int 1
    unicast_src_ip 192.168.1.11
    unicast_peer {
        192.168.1.12
        192.168.1.13
    }
    authentication {
        auth_type PASS
        auth_pass cluster_ingress
    }
    virtual_ipaddress {
        192.168.1.51/32 label vip
    }
    track_script {
        chk_default_ingress
    }
}

vrrp_sync_group ignored_by_the_probe {
    group {
        cluster_API
        cluster_INGRESS
    }
}
=== /etc/keepalived/chk_ocp_script.sh
#!/bin/sh
exit 0
=== /etc/keepalived/chk_default_ingress.sh
#!/bin/sh
exit 0
=== transcript
$ keepalived -f /etc/keepalived/keepalived.conf --dont-fork --vrrp --log-detail --log-console >/tmp/daemon.log 2>&1 &
$ parent=$!
? addresses
192.168.1.50/32
192.168.1.51/32
# The processes that the monitor looks for: the oldest of the name.
$ [ $(pgrep -o keepalived) = $parent ] && echo oldest
oldest
# The liveness probe.
$ kill -s USR1 $(pgrep -o keepalived)
? grep -q 'VRRP Instance' /tmp/keepalived.data
$ grep -o 'VRRP Instance = .*' /tmp/keepalived.data
VRRP Instance = cluster_API
VRRP Instance = cluster_INGRESS
$ stat -c %a /tmp/keepalived.data
600
# The monitor writes a new file and reloads.
$ sed -i 's/192.168.1.13/192.168.1.14/; s/priority 40/priority 70/' /etc/keepalived/keepalived.conf
$ kill -s HUP $(pgrep -o keepalived)
? rm -f /tmp/keepalived.data; kill -s USR1 $(pgrep -o keepalived); sleep 0.2; grep -m 1 -o ' Priority = .*' /tmp/keepalived.data
 Priority = 70
$ addresses
192.168.1.50/32
192.168.1.51/32
$ kill -s TERM $(pgrep -o keepalived); wait $parent
? addresses
$ ls /run | grep pid
[1]
