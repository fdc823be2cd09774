Octavia's amphora pair: keepalived in the namespace of the load balancer, unicast, addresses that are accepted, routes
and rules of a table, notifications of the state.

=== /var/lib/octavia/octavia-keepalived.conf
vrrp_script check_script {
  script /var/lib/octavia/check.sh
  interval 5
  fall 2
  rise 2
}
vrrp_instance amphora1 {
  state MASTER
  interface eth0
  virtual_router_id 1
  priority 100
  nopreempt
  accept
  garp_master_refresh 5
  garp_master_refresh_repeat 2
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass TEST123
  }
  unicast_src_ip 192.168.1.11
  unicast_peer {
    192.168.1.12
  }
  virtual_ipaddress {
    192.168.1.50
  }
  virtual_ipaddress_excluded {
    192.168.1.51
    fd00::50
  }
  virtual_routes {
    192.168.1.0/24 dev eth0 src 192.168.1.50 scope link table 1
    default via 192.168.1.1 dev eth0 onlink table 1
  }
  virtual_rules {
    from 192.168.1.50/32 table 1 priority 100
  }
  track_script {
    check_script
  }
}
=== /var/lib/octavia/check.sh
#!/bin/sh
exit 0
=== transcript
$ cd /var/lib/octavia
# systemd: Type=forking, PIDFile, KillMode=process.
$ keepalived -D -d -f $PWD/octavia-keepalived.conf -p $PWD/octavia-keepalived.pid >/tmp/daemon.log 2>&1; echo $?
0
? addresses
192.168.1.50/32
192.168.1.51/32
fd00::50/128
? ip rule show table 1 | sed 's/\t/ /' | grep -o '^100:.*lookup 1'
100: from 192.168.1.50 lookup 1
? ip route show table 1 | sed -E 's/ proto [a-z0-9]+//; s/ *$//' | sort
192.168.1.0/24 dev eth0 scope link src 192.168.1.50
default via 192.168.1.1 dev eth0 onlink
# The agent reloads for a new address.
$ sed -i 's/    192.168.1.51/    192.168.1.52/' octavia-keepalived.conf; kill -HUP $(cat octavia-keepalived.pid)
? addresses
192.168.1.50/32
192.168.1.52/32
fd00::50/128
$ kill $(cat octavia-keepalived.pid)
? ls | grep pid; addresses; ip rule show table 1; ip route show table 1 2>/dev/null || true
