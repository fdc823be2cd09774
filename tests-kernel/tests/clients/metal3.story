metal3's ironic: an ordinary user with the capabilities for the network, pid files and the configuration in folders
of that user.

=== /run/ironic/keepalived.conf
global_defs {
    vrrp_version 3
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 1
    priority 100
    advert_int 0.5
    virtual_ipaddress {
        192.168.1.50/24
    }
}
=== transcript
$ chown -R nobody /run/ironic; caps=+net_admin,+net_raw,+net_broadcast
$ setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps $caps --ambient-caps $caps keepalived --dont-fork --log-console --pid /run/ironic/keepalived.pid --vrrp_pid /run/ironic/vrrp.pid --use-file /run/ironic/keepalived.conf >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/24
$ ls /run/ironic | grep -v sock
keepalived.conf
keepalived.pid
vrrp.pid
$ kill -36 $(cat /run/ironic/keepalived.pid)
? cat /tmp/keepalived.json |% states
VI_1 state 2 priority 100 vips 192.168.1.50/24 dev eth0 scope global set
$ sed -i 's/50.24/51\/24/' /run/ironic/keepalived.conf; kill -HUP $daemon
? addresses
192.168.1.51/24
$ kill $daemon; wait $daemon
$ addresses; ls /run/ironic
keepalived.conf
