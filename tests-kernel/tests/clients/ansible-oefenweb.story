The Ansible role of Oefenweb: a unit with --dont-fork and options with a value, raw lines in global_defs, tracked
processes with all of their words.

=== /etc/keepalived/keepalived.conf
global_defs {
  router_id node1
  vrrp_version 3
  vrrp_garp_master_refresh 30
  script_user nobody
  enable_script_security
}

vrrp_track_process track_haproxy {
  process sleep 12345
  weight 10
  quorum 1
  quorum_max 3
  delay 1
  fork_delay 0.1
  terminate_delay 0.1
  param_match exact
}

vrrp_instance VI_1 {
  interface eth0
  state MASTER
  priority 101
  virtual_router_id 51
  advert_int 0.3
  smtp_alert off
  virtual_ipaddress {
    192.168.1.50 dev eth0
  }
  track_process {
    track_haproxy weight 10
  }
}
=== transcript
$ test -s /etc/keepalived/keepalived.conf
$ keepalived --dont-fork --log-console --log-detail --use-file=/etc/keepalived/keepalived.conf --pid=/run/kd.pid --vrrp_pid=/run/kd-vrrp.pid --checkers_pid=/run/kd-checkers.pid --log-facility=3 >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/32
$ ls /run | grep pid
kd-vrrp.pid
kd.pid
$ cat /run/kd.pid | grep -cx $daemon
1
$ sleep 12345 &
# keepalived counts by events of the kernel, which no process namespace but the first one gets.
? rm -f /tmp/keepalived.json; kill -36 $daemon; sleep 0.2; grep -o '"effective_priority":[0-9]*' /tmp/keepalived.json
keepalived: "effective_priority":101
ours: "effective_priority":111
$ kill -HUP $daemon
? rm -f /tmp/keepalived.json; kill -36 $daemon; sleep 0.2; grep -o '"state":2' /tmp/keepalived.json
"state":2
$ kill -TERM $daemon; wait $daemon
$ ls /run | grep pid; addresses
