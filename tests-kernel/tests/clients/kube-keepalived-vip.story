kube-keepalived-vip: a container that runs keepalived with generated virtual servers of Kubernetes services, and
reloads it by its process id after each change.

=== /etc/keepalived/keepalived.conf
global_defs {
  vrrp_version 3
  vrrp_iptables KUBE-KEEPALIVED-VIP
}

vrrp_instance vips {
  state BACKUP
  interface eth0
  virtual_router_id 50
  priority 100
  nopreempt
  advert_int 0.5

  track_interface {
    eth0
  }

  virtual_ipaddress {
    192.168.1.50
  }
}

# Service: default/web-tcp-80
virtual_server 192.168.1.50 80 {
  delay_loop 5
  lvs_sched wlc
  lvs_method NAT
  persistence_timeout 1800
  protocol TCP

  real_server 192.168.1.61 8080 {
    weight 1
    TCP_CHECK {
      connect_port 8080
      connect_timeout 3
    }
  }
  real_server 192.168.1.62 8080 {
    weight 1
    TCP_CHECK {
      connect_port 8080
      connect_timeout 3
    }
  }
}
=== transcript
$ keepalived --dont-fork --log-console --release-vips --log-detail --pid /run/keepalived.pid >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/32
$ ls /run | grep pid
checkers.pid
keepalived.pid
vrrp.pid
# The members do not answer, until the first check they count.
$ ipvsadm -Ln | sed 's/ *$//' | grep -E '^TCP'
TCP  192.168.1.50:80 wlc persistent 1800
? ipvsadm -Ln | grep -c Masq
0
[1]
$ sed -i 's/192.168.1.50 80 {/192.168.1.50 81 {/' /etc/keepalived/keepalived.conf; kill -HUP $daemon
? ipvsadm -Ln | sed 's/ *$//' | grep -E '^TCP'
TCP  192.168.1.50:81 wlc persistent 1800
$ addresses
192.168.1.50/32
$ kill $daemon; wait $daemon
$ addresses; ipvsadm -Ln | grep -c TCP
0
[1]
