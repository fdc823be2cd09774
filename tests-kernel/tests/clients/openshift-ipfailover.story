OpenShift's image for IP failover: options from a variable, a watch on a port by a shell, and one instance for
each address.

=== /etc/keepalived/keepalived.conf
global_defs {
    notification_email {
        root@localhost
    }
    notification_email_from ipfailover@localhost
    smtp_server localhost
    smtp_connect_timeout 30
    router_id ipfailover
    max_auto_priority 99
    vrrp_version 3
    script_user root
    enable_script_security
}

vrrp_script chk_ipfailover {
    script "/bin/sh -c 'test -d /etc'"
    interval 2
    user root
}

vrrp_instance ipfailover_VIP_1 {
    interface eth0
    state BACKUP
    virtual_router_id 1
    priority 133
    preempt_delay 300
    advert_int 0.2
    authentication {
        auth_type PASS
        auth_pass RlF
    }
    track_script {
        chk_ipfailover
    }
    notify /etc/keepalived/notify.sh
    virtual_ipaddress {
        192.168.1.50 dev eth0
    }
}

vrrp_instance ipfailover_VIP_2 {
    interface eth0
    state BACKUP
    virtual_router_id 2
    priority 153
    preempt_delay 300
    advert_int 0.2
    track_script {
        chk_ipfailover
    }
    notify /etc/keepalived/notify.sh
    virtual_ipaddress {
        192.168.1.51 dev eth0
    }
}
=== /etc/keepalived/notify.sh
#!/bin/sh
echo "$@" >>/tmp/notify.log
=== transcript
$ OPTIONS='--log-detail --vrrp'
$ keepalived $OPTIONS -n --log-console >/tmp/daemon.log 2>&1 &
$ parent=$!
? addresses
192.168.1.50/32
192.168.1.51/32
? sort /tmp/notify.log
INSTANCE ipfailover_VIP_1 BACKUP 133
INSTANCE ipfailover_VIP_1 MASTER 133
INSTANCE ipfailover_VIP_2 BACKUP 153
INSTANCE ipfailover_VIP_2 MASTER 153
$ kill $parent; wait $parent
$ addresses
? sort /tmp/notify.log | grep STOP
INSTANCE ipfailover_VIP_1 STOP 133
INSTANCE ipfailover_VIP_2 STOP 153
