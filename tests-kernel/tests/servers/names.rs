// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unbound: `DNS_CHECK`.

use super::*;

const PORT: u16 = 53;
const FILE: &str = "\
server:
    interface: 127.0.0.1
    do-daemonize: no
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
    use-syslog: no
    local-zone: \"example.org.\" static
    local-data: \"example.org. IN SOA ns.example.org. mail.example.org. 1 2 3 4 5\"
    local-data: \"example.org. IN A 192.0.2.7\"
    local-data: \"example.org. IN AAAA 2001:db8::7\"
    local-data: \"example.org. IN MX 10 mx.example.org.\"
    local-data: \"example.org. IN TXT text\"
";

#[testbed::guest_test]
fn unbound_answers() -> TestResult {
    let words = ["unbound", "-d", "-c", "{}/unbound.conf"];
    let server = Server::start(directory()?, &words, &[("unbound.conf", FILE)])?;
    server.wait_for_pass("DNS_CHECK {\nname example.org\n}", PORT)?;
    for (lines, reason) in [
        ("type A\nname example.org", None),
        ("type A\nname example.org\nanswer 192.0.2.7", None),
        ("type AAAA\nname example.org\nanswer 2001:db8::7", None),
        (
            "type MX\nname example.org\nanswer \"10 mx.example.org\"",
            None,
        ),
        ("type TXT\nname example.org\nanswer text", None),
        ("type A\nname example.org\ntcp", None),
        ("type A\nname none.example.org", Some("NXDOMAIN")),
        ("type A\nname none.example.org\nrcode NXDOMAIN", None),
        (
            "type A\nname example.org\nanswer 192.0.2.8",
            Some("none of 1 records is 192.0.2.8"),
        ),
    ] {
        let block = format!("DNS_CHECK {{\n{lines}\n}}");
        match reason {
            None => assert_passes(&block, PORT)?,
            Some(reason) => assert_fails(&block, PORT, reason)?,
        }
    }
    Ok(())
}
