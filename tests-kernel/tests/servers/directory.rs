// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directories of users: OpenLDAP and FreeRADIUS.

use tests_kernel::process;

use super::*;

const LDAP: u16 = 389;
const RADIUS: u16 = 1812;

const SLAPD: &str = "\
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {}/slapd.pid
database mdb
suffix \"dc=example,dc=org\"
rootdn \"cn=admin,dc=example,dc=org\"
rootpw secret
directory {}
";
const ENTRY: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example
";

#[testbed::guest_test]
fn openldap_answers() -> TestResult {
    let directory = directory()?;
    let path = directory.path().display().to_string();
    fs::write(
        directory.path().join("slapd.conf"),
        SLAPD.replace("{}", &path),
    )?;
    fs::write(directory.path().join("entry.ldif"), ENTRY)?;
    let mut add = Command::new("slapadd");
    add.args(["-f", "slapd.conf", "-l", "entry.ldif"]);
    add.current_dir(directory.path());
    process::run(&mut add, DEADLINE)?;
    let words = [
        "slapd",
        "-d",
        "0",
        "-f",
        "{}/slapd.conf",
        "-h",
        "ldap://127.0.0.1/",
    ];
    let server = Server::start(directory, &words, &[])?;
    server.wait_for_pass("LDAP_CHECK {\n}", LDAP)?;
    let base = "base \"dc=example,dc=org\"";
    assert_passes(&format!("LDAP_CHECK {{\n{base}\n}}"), LDAP)?;
    let bind = |password: &str| {
        let login = "login \"cn=admin,dc=example,dc=org\"";
        format!("LDAP_CHECK {{\n{base}\n{login}\npassword {password}\n}}")
    };
    assert_passes(&bind("secret"), LDAP)?;
    assert_fails(&bind("wrong"), LDAP, "49")?;
    let missing = "LDAP_CHECK {\nbase \"dc=none,dc=org\"\n}";
    assert_fails(missing, LDAP, "32")?;
    Ok(())
}

const RADIUSD: &str = "\
prefix = /usr
libdir = /usr/lib/freeradius
logdir = {}
run_dir = {}
security {
    user = root
    group = root
    allow_vulnerable_openssl = yes
}
modules {
    pap {
    }
    files {
        filename = {}/users
    }
}
client loopback {
    ipaddr = 127.0.0.1
    secret = shared
}
server default {
    listen {
        type = auth
        ipaddr = 127.0.0.1
        port = 1812
    }
    authorize {
        files
        pap
    }
    authenticate {
        pap
    }
}
";

#[testbed::guest_test]
fn freeradius_answers() -> TestResult {
    let words = [
        "freeradius",
        "-f",
        "-d",
        "{}",
        "-D",
        "/usr/share/freeradius",
        "-l",
        "stdout",
    ];
    let users = "probe Cleartext-Password := \"word\"\n";
    let dictionary = "$INCLUDE /usr/share/freeradius/dictionary\n";
    let files = [
        ("radiusd.conf", RADIUSD),
        ("users", users),
        ("dictionary", dictionary),
    ];
    let server = Server::start(directory()?, &words, &files)?;
    let ready = |line: &str| line.contains("Ready to process requests");
    server.process.wait_for_line("ready", DEADLINE, ready)?;
    let check = |password: &str, secret: &str, more: &str| {
        format!("RADIUS_CHECK {{\nlogin probe\npassword {password}\nsecret {secret}\n{more}\n}}")
    };
    assert_passes(&check("word", "shared", ""), RADIUS)?;
    assert_fails(&check("other", "shared", ""), RADIUS, "Access-Reject")?;
    assert_passes(&check("other", "shared", "accept_reject"), RADIUS)?;
    assert_fails(&check("word", "wrong", "connect_timeout 1"), RADIUS, "")?;
    Ok(())
}
