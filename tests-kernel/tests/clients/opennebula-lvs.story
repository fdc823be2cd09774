OpenNebula's virtual router as a balancer: virtual and real servers without a port, thresholds, checks by ping,
fragments that the agent writes, reload by the service.

=== /etc/keepalived/keepalived.conf
include /etc/keepalived/conf.d/*.conf
=== /etc/keepalived/conf.d/lvs.conf
virtual_server fwmark 1 {
    delay_loop 10
    lb_algo    rr
    lb_kind    NAT
    protocol   TCP

    real_server 127.0.0.2 {
        weight 1
        uthreshold 100
        lthreshold 50

        PING_CHECK {
            retry 2
        }
    }
}
virtual_server 192.168.1.50 8080 {
    delay_loop 10
    lb_algo    wrr
    lb_kind    DR
    protocol   TCP

    real_server 127.0.0.3 8080 {
        weight 2
    }
}
=== transcript
$ keepalived -D
$ table() { ipvsadm -Ln | sed 's/ *$//' | tail -n +4; }
? table
TCP  192.168.1.50:8080 wrr
  -> 127.0.0.3:8080               Route   2      0          0
FWM  1 rr
  -> 127.0.0.2:0                  Masq    1      0          0
$ sed -i 's/weight 2/weight 5/' /etc/keepalived/conf.d/lvs.conf; kill -HUP $(cat /run/keepalived.pid)
? table | grep -c 'Route   5'
1
$ kill $(cat /run/keepalived.pid)
? ls /run | grep pid; table
