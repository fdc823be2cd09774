Kolla-Ansible: a container that runs keepalived in the foreground with its own pid file; a check script of the
proxy; a restart of the container after an unclean end, with the stale file.

=== /etc/keepalived/keepalived.conf
vrrp_script check_alive {
    script "/etc/keepalived/check_alive.sh"
    interval 1
    fall 1
    rise 1
}

vrrp_instance kolla_internal_vip_51 {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority 11
    advert_int 1
    unicast_src_ip 192.168.1.11
    unicast_peer {
        192.168.1.12
        192.168.1.13
    }
    virtual_ipaddress {
        192.168.1.50 dev eth0
    }
    authentication {
        auth_type PASS
        auth_pass keepalived_password
    }
    track_script {
        check_alive
    }
}
=== /etc/keepalived/check_alive.sh
#!/bin/bash
# This will return 0 when it successfully talks to the haproxy daemon via the socket
test -e /tmp/haproxy.sock
=== transcript
$ touch /tmp/haproxy.sock
# An end that left the file.
$ echo 4194000 >/run/keepalived.pid
$ keepalived -nld -p /run/keepalived.pid >/tmp/daemon.log 2>&1 &
$ container=$!
? addresses
192.168.1.50/32
$ [ $(cat /run/keepalived.pid) = $container ] && echo same
same
# The proxy stops and starts.
$ rm /tmp/haproxy.sock
? addresses
$ touch /tmp/haproxy.sock
? addresses
192.168.1.50/32
# Docker stops the container.
$ kill -TERM $container; wait $container
$ addresses; ls /run | grep pid
[1]
