Salt's formula: the keywords of each block in alphabetical order.

=== /etc/keepalived/keepalived.conf
# This file is managed by Salt!
global_defs {
    enable_script_security
    router_id node1
    script_user root
    vrrp_version 3
}
vrrp_script check_apiscript {
    fall 2
    interval 2
    rise 1
    script "/usr/bin/test -d /"
    timeout 1
    weight -2
}
vrrp_instance VI_1 {
    advert_int 0.5
    authentication {
        auth_pass 1111
        auth_type PASS
    }
    interface eth0
    notify /etc/keepalived/notify.sh
    priority 100
    state MASTER
    track_script {
        check_apiscript
    }
    virtual_ipaddress {
        192.168.1.50
        192.168.1.51
    }
    virtual_router_id 51
}
=== /etc/keepalived/notify.sh
#!/bin/sh
echo "$@" >>/tmp/calls
=== transcript
$ keepalived >/tmp/daemon.log 2>&1; echo $?
0
? addresses
192.168.1.50/32
192.168.1.51/32
? cat /tmp/calls
INSTANCE VI_1 BACKUP 100
INSTANCE VI_1 MASTER 100
$ kill $(cat /run/keepalived.pid)
? ls /run | grep pid; addresses
? tail -n 1 /tmp/calls
INSTANCE VI_1 STOP 100
