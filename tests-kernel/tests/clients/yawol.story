STACKIT's yawol agent: a file with a user for scripts; every 20 s the agent sends SIGUSR2 and reads the counters as YAML.

=== /etc/keepalived/keepalived.conf
! Configuration File for keepalived
global_defs {
   router_id loadbalancer
   enable_script_security
   script_user root
   vrrp_version 3
}
vrrp_instance ENVOY {
    state MASTER
    interface eth0
    virtual_router_id 100
    priority 100
    advert_int 0.5
    unicast_src_ip 192.168.1.11
    unicast_peer {
        192.168.1.12
    }
    virtual_ipaddress {
        192.168.1.50
    }
}
=== transcript
$ keepalived -n >/tmp/daemon.log 2>&1 &
$ daemon=$!
? addresses
192.168.1.50/32
$ kill -USR2 $(cat /run/keepalived.pid)
? cat /tmp/keepalived.stats |% yaml
Advertisements/Received
Advertisements/Sent
Became master
Released master
Packet Errors/Length
Packet Errors/TTL
Packet Errors/Invalid Type
Packet Errors/Advertisement Interval
Packet Errors/Address List
Authentication Errors/Invalid Type
Authentication Errors/Type Mismatch
Authentication Errors/Failure
ours: Authentication Extension Errors/Missing
ours: Authentication Extension Errors/Malformed
ours: Authentication Extension Errors/Unknown Key
ours: Authentication Extension Errors/Invalid HMAC
ours: Authentication Extension Errors/Stale
ours: Authentication Extension Errors/Replay
Priority Zero/Received
Priority Zero/Sent
$ cat /tmp/keepalived.stats |% masters
ENVOY became 1 released 0
# Without root the agent could not read it.
$ stat -c %a /tmp/keepalived.stats
600
$ kill -TERM $daemon; wait $daemon
