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

#[testbed::guest_test]
fn exim_answers() -> TestResult {
    add_user()?;
    let words = ["exim4", "-C", "{}/exim.conf", "-bdf", "-q1h"];
    let server = Server::start(directory()?, &words, &[("exim.conf", EXIM)])?;
    server.wait_for_pass("TCP_CHECK {\n}", SMTP)?;
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
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
mail_location = maildir:{}/mail/%u
passdb {
  driver = static
  args = password=word
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home={}/mail/%u
}
";

#[testbed::guest_test]
fn dovecot_answers() -> TestResult {
    let words = ["dovecot", "-F", "-c", "{}/dovecot.conf"];
    let directory = directory()?;
    directory_of_nobody(&directory, "mail")?;
    let server = Server::start(directory, &words, &[("dovecot.conf", DOVECOT)])?;
    server.wait_for_pass("TCP_CHECK {\n}", IMAP)?;
    server.wait_for_pass("TCP_CHECK {\n}", POP3)?;
    Ok(())
}

const VSFTPD: &str = "\
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
local_enable=NO
ftp_username=nobody
nopriv_user=nobody
anon_root={}/files
secure_chroot_dir={}/files
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
";

#[testbed::guest_test]
fn vsftpd_answers() -> TestResult {
    let directory = directory()?;
    fs::create_dir(directory.path().join("files"))?;
    let words = ["vsftpd", "{}/vsftpd.conf"];
    let server = Server::start(directory, &words, &[("vsftpd.conf", VSFTPD)])?;
    server.wait_for_pass("TCP_CHECK {\n}", FTP)?;
    Ok(())
}
