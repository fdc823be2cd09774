// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mail and files: Exim, Dovecot, vsftpd.

use std::io::Write;

use super::*;

const SMTP: u16 = 25;
const IMAP: u16 = 143;
const POP3: u16 = 110;
const FTP: u16 = 21;

const EXIM: &str = "\
exim_user = root
never_users =
spool_directory = {}
log_file_path = {}/%slog
local_interfaces = 127.0.0.1
pid_file_path = {}/exim.pid
primary_hostname = mail.example.org
";

/// Adds what Exim's package adds at its installation, in the guest's own copy of the files.
fn add_user() -> TestResult {
    for (file, line) in [
        ("/etc/passwd", "Debian-exim:x:199:199::/:/bin/false\n"),
        ("/etc/group", "Debian-exim:x:199:\n"),
    ] {
        let mut file = fs::OpenOptions::new().append(true).open(file)?;
        file.write_all(line.as_bytes())?;
    }
    Ok(())
}

// shows real_server: SMTP_CHECK, SEND_EXPECT_CHECK
// shows SMTP_CHECK: helo_name, ehlo
// shows SEND_EXPECT_CHECK: expect_prefix, send, expect_regex
#[testbed::guest_test]
fn exim_answers() -> TestResult {
    add_user()?;
    let words = ["exim4", "-C", "{}/exim.conf", "-bdf", "-q1h"];
    let server = Server::start(directory()?, &words, &[("exim.conf", EXIM)])?;
    server.wait_for_pass("SMTP_CHECK {\n}", SMTP)?;
    assert_passes("SMTP_CHECK {\nhelo_name lb1.example.net\nehlo\n}", SMTP)?;
    let dialogue =
        "expect_prefix \"220 mail.example.org\"\nsend \"NOOP\\r\\n\"\nexpect_regex \"250 .*OK\"\n";
    assert_passes(&format!("SEND_EXPECT_CHECK {{\n{dialogue}}}"), SMTP)?;
    // Exim makes a certificate of its own where the configuration has none.
    assert_passes("SMTP_CHECK {\nstarttls\n}", SMTP)?;
    assert_fails("POP3_CHECK {\n}", SMTP, "unexpected answer: 220 mail")?;
    Ok(())
}

const DOVECOT: &str = "\
base_dir = {}/base
state_dir = {}/state
log_path = {}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = daemon
default_login_user = daemon
default_internal_group = daemon
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{}/mail/%u
passdb {
  driver = static
  args = password=word
}
userdb {
  driver = static
  args = uid=daemon gid=daemon home={}/mail/%u
}
";

// shows IMAP_CHECK: login, password
#[testbed::guest_test]
fn dovecot_answers() -> TestResult {
    let words = ["dovecot", "-F", "-c", "{}/dovecot.conf"];
    let directory = directory()?;
    directory_of_daemon(&directory, "mail")?;
    let server = Server::start(directory, &words, &[("dovecot.conf", DOVECOT)])?;
    server.wait_for_pass("IMAP_CHECK {\n}", IMAP)?;
    server.wait_for_pass("POP3_CHECK {\n}", POP3)?;
    for (kind, port) in [("IMAP_CHECK", IMAP), ("POP3_CHECK", POP3)] {
        let login = |password: &str| format!("{kind} {{\nlogin probe\npassword {password}\n}}");
        assert_passes(&login("word"), port)?;
        assert_fails(&login("other"), port, "login refused")?;
    }
    Ok(())
}

const VSFTPD: &str = "\
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
local_enable=NO
ftp_username=daemon
nopriv_user=daemon
anon_root={}/files
secure_chroot_dir={}/files
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
";

// shows real_server: FTP_CHECK
#[testbed::guest_test]
fn vsftpd_answers() -> TestResult {
    let directory = directory()?;
    fs::create_dir(directory.path().join("files"))?;
    let words = ["vsftpd", "{}/vsftpd.conf"];
    let server = Server::start(directory, &words, &[("vsftpd.conf", VSFTPD)])?;
    server.wait_for_pass("FTP_CHECK {\n}", FTP)?;
    let login = |user: &str| format!("FTP_CHECK {{\nlogin {user}\npassword x\n}}");
    assert_passes(&login("anonymous"), FTP)?;
    assert_fails(&login("root"), FTP, "login refused: 530")?;
    Ok(())
}
