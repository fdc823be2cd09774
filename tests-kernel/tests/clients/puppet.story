The Puppet module of voxpupuli: options from a file of the distribution, fragments in one file with SNMP, DBus and
the names of the sync daemon.

=== /etc/keepalived/keepalived.conf
# Managed by Puppet
global_defs {
  notification_email {
    root@example.com
  }
  notification_email_from keepalived@example.com
  smtp_server localhost
  smtp_connect_timeout 30
  router_id lb1
  script_user root
  enable_script_security
  enable_snmp_vrrp
  enable_snmp_traps
  enable_dbus
}
include /etc/keepalived/conf.d/*.conf
=== /etc/keepalived/conf.d/10_vrrp_script.conf
vrrp_script check_http {
  script    "/usr/bin/test -d /"
  interval  2
  weight    2
  fall      1
  rise      1
}
=== /etc/keepalived/conf.d/20_vrrp_instance.conf
vrrp_instance VI_50 {
  interface                 eth0
  state                     MASTER
  virtual_router_id         50
  priority                  101
  advert_int                1
  dont_track_primary
  garp_master_delay         5

  # notify scripts and alerts are optional
  notify  /etc/keepalived/notify.sh
  smtp_alert

  track_interface {
    eth0
  }

  track_script {
    check_http
  }

  authentication {
    auth_type PASS
    auth_pass secret
  }

  virtual_ipaddress {
    192.168.1.50/24 dev eth0 label eth0:50
  }

  virtual_routes {
    src 192.168.1.50 to 10.50.0.0/16 via 192.168.1.1 dev eth0
  }

  virtual_rules {
    from 192.168.1.50 lookup 42
  }
}
=== /etc/keepalived/notify.sh
#!/bin/sh
echo "$@" >>/tmp/calls
=== transcript
$ KEEPALIVED_OPTIONS='-D --vrrp'
$ keepalived $KEEPALIVED_OPTIONS >/tmp/daemon.log 2>&1; echo $?
0
? addresses
192.168.1.50/24
? ip route show 10.50.0.0/16 | grep -o '.*src 192.168.1.50'
10.50.0.0/16 via 192.168.1.1 dev eth0 proto keepalived src 192.168.1.50
? ip rule show table 42 | grep -o 'from 192.168.1.50 lookup 42'
from 192.168.1.50 lookup 42
? cat /tmp/calls
INSTANCE VI_50 BACKUP 101
INSTANCE VI_50 MASTER 103
# The refresh of the service is a reload.
$ sed -i 's/label eth0:50//' /etc/keepalived/conf.d/20_vrrp_instance.conf; sed -i 's/192.168.1.50\/24/192.168.1.52\/24/' /etc/keepalived/conf.d/20_vrrp_instance.conf
$ kill -HUP $(cat /run/keepalived.pid)
? addresses
192.168.1.52/24
$ kill $(cat /run/keepalived.pid)
? ls /run | grep pid; addresses; ip rule show table 42
