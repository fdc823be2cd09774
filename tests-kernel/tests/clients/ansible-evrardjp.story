The Ansible role of evrardjp: the version from standard error, a file that must pass the configuration test before it
is installed, a service in the background, trackers of each kind, comments behind values.

=== /tmp/candidate.conf
# Ansible managed
global_defs {
  enable_script_security
  script_user root
  router_id node1
}

vrrp_track_file maintenance {
  file /tmp/maintenance # the weight is in the file
  weight 1
}

vrrp_script check_rabbit {
  script "/usr/bin/true"
  interval 1  # check every second
  fall 2      # require 2 failures
  rise 2
  timeout 2
}

vrrp_instance external {
  interface eth0
  state BACKUP
  virtual_router_id 10
  priority 90
  advert_int 1
  nopreempt
  authentication {
    auth_type PASS
    auth_pass hunter2
  }
  virtual_ipaddress {
    192.168.1.50/24 dev eth0
    192.168.1.51/24 dev eth0 label eth0:two
  }
  track_script {
    check_rabbit
  }
  track_file {
    maintenance weight -1
  }
  notify_master_rx_lower_pri "/etc/keepalived/notify.sh lower"
  notify "/etc/keepalived/notify.sh any" root
  smtp_alert
}
=== /tmp/wrong.conf
global_defs {
  router_idd node1
}
=== /etc/keepalived/notify.sh
#!/bin/sh
echo "$@" >>/tmp/calls
=== transcript
$ echo 0 >/tmp/maintenance
$ keepalived --version 2>&1 >/dev/null | grep -cE 'Keepalived v[0-9]+\.[0-9]+\.[0-9]+ \('
1
# `validate: keepalived --config-test -f %s`
$ keepalived --config-test -f /tmp/candidate.conf >/tmp/validation.log 2>&1; echo $?
0
$ keepalived --config-test -f /tmp/wrong.conf >/tmp/validation.log 2>&1; echo $?
5
$ cp /tmp/candidate.conf /etc/keepalived/keepalived.conf
$ keepalived -D >/tmp/daemon.log 2>&1
? addresses
192.168.1.50/24
192.168.1.51/24
$ ip -o addr show eth0 | grep -o 'eth0:two'
eth0:two
? cat /tmp/calls
any INSTANCE external BACKUP 90
any INSTANCE external MASTER 90
$ echo -50 >/tmp/maintenance
? rm -f /tmp/keepalived.json; kill -36 $(cat /run/keepalived.pid); sleep 0.2; cat /tmp/keepalived.json |% states
external state 2 priority 140 vips 192.168.1.50/24 dev eth0 scope global set, 192.168.1.51/24 dev eth0 scope global label eth0:two set
# The handler of a changed file.
$ sed -i '/eth0:two/d' /etc/keepalived/keepalived.conf; kill -HUP $(cat /run/keepalived.pid)
? addresses
192.168.1.50/24
$ kill $(cat /run/keepalived.pid)
? ls /run | grep pid; addresses
