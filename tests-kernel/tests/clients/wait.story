An administrator with a mail server that does not answer, and a bound for the end.

=== /etc/keepalived/keepalived.conf
child_wait_time 1
global_defs {
    vrrp_version 3
    notification_email {
        root@localhost
    }
    notification_email_from keepalived@localhost
    smtp_server 192.168.1.99
    smtp_connect_timeout 30
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    advert_int 0.3
    smtp_alert
    virtual_ipaddress {
        192.168.1.50
    }
}
=== transcript
$ ip neigh add 192.168.1.99 lladdr 02:00:00:00:00:99 dev eth0
$ keepalived -n -l >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/32
$ kill $daemon; wait $daemon
$ addresses
$ grep -o 'mail server did not take all mails within .*' /tmp/daemon.log || echo none
keepalived: none
ours: mail server did not take all mails within 1s
