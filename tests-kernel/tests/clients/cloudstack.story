CloudStack's virtual router: authentication headers, a keyword that does not exist, a start by the service, a match
on the process list, reload and restart by the service.

=== /etc/keepalived/keepalived.conf
global_defs {
   notification_email {
     root@localhost
   }
   notification_email_from keepalived@localhost
   smtp_server 127.0.0.1
   smtp_connect_timeout 30
   router_id r-4-VM
}

vrrp_script heartbeat {
    script "/etc/keepalived/heartbeat.sh"
    interval 10
}

vrrp_instance inside_network {
    state EQUAL
    interface eth0
    virtual_router_id 51
    nopreempt
    priority 100

    advert_int 1
    authentication {
        auth_type AH
        auth_pass WORD
    }

    virtual_ipaddress {
        192.168.1.50 brd 192.168.1.255 dev eth0
    }

    track_script {
        heartbeat
    }

    notify_backup "/etc/keepalived/primary-backup.sh backup"
    notify_primary "/etc/keepalived/primary-backup.sh primary"
    notify_fault "/etc/keepalived/primary-backup.sh fault"
}
=== /etc/keepalived/heartbeat.sh
#!/bin/sh
date +%s >/tmp/heartbeat
=== /etc/keepalived/primary-backup.sh
#!/bin/sh
echo "$1" >>/tmp/calls
=== transcript
$ keepalived --vrrp
? addresses
192.168.1.50/32
# It looks for the program in the list of processes.
$ ps -eo args | grep -v grep | grep -cE '(^|/)keepalived '
keepalived: 2
ours: 1
? cat /tmp/calls
backup
# `service keepalived reload` with another address.
$ sed -i 's/192.168.1.50 brd/192.168.1.60 brd/' /etc/keepalived/keepalived.conf; kill -HUP $(cat /run/keepalived.pid)
? addresses
192.168.1.60/32
# `service keepalived restart`
$ pid=$(cat /run/keepalived.pid); kill $pid
? /bin/kill -0 $pid 2>/dev/null || echo ended
ended
$ addresses
$ keepalived --vrrp
? addresses
192.168.1.60/32
? cat /tmp/calls
backup
backup
$ kill $(cat /run/keepalived.pid)
? ls /run | grep pid; addresses
