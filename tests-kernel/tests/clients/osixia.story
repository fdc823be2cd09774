The image of osixia, and KubeSphere's kubekey with it: a default interface, an unquoted notify script with
arguments, a restart on any end, a reload by the pid file.

=== /etc/keepalived/keepalived.conf
global_defs {
  default_interface eth0
  vrrp_version 3
  vrrp_iptables
}

vrrp_script chk_haproxy {
  script "/usr/bin/test -e /tmp/haproxy"
  interval 1
  init_fail
  fall 2
  rise 2
}

vrrp_instance VI_1 {
  interface eth0

  state BACKUP
  virtual_router_id 51
  priority 150
  nopreempt
  advert_int 0.5

  unicast_src_ip 192.168.1.11
  unicast_peer {
    192.168.1.12
  }

  virtual_ipaddress {
    192.168.1.50
  }

  track_script {
    chk_haproxy
  }

  authentication {
    auth_type PASS
    auth_pass d0cker
  }

  notify /etc/keepalived/notify.sh
}
=== /etc/keepalived/notify.sh
#!/bin/sh
echo "$@" >>/tmp/calls
=== transcript
$ keepalived -f /etc/keepalived/keepalived.conf --dont-fork --log-console -D -d >/tmp/daemon.log 2>&1 &
$ daemon=$!
# The script has not succeeded yet.
? grep -c 'now returning 1' /tmp/daemon.log
1
$ touch /tmp/haproxy
? addresses
192.168.1.50/32
? cat /tmp/calls
INSTANCE VI_1 FAULT 150
INSTANCE VI_1 BACKUP 150
INSTANCE VI_1 MASTER 150
$ kill -HUP $(cat /run/keepalived.pid)
? rm -f /tmp/keepalived.json; kill -36 $daemon; sleep 0.2; cat /tmp/keepalived.json |% states
VI_1 state 2 priority 150 vips 192.168.1.50 dev eth0 scope global set
$ kill $daemon; wait $daemon
$ addresses
