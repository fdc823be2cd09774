// SPDX-License-Identifier: MIT OR Apache-2.0
//! Databases: Redis, MariaDB, PostgreSQL.

use tests_kernel::process;

use super::*;

const REDIS: u16 = 6379;
const MARIADB: u16 = 3306;
const POSTGRESQL: u16 = 5432;

// shows real_server: REDIS_CHECK
#[testbed::guest_test]
fn redis_answers() -> TestResult {
    let words = [
        "redis-server",
        "--port",
        "6379",
        "--save",
        "",
        "--bind",
        "127.0.0.1",
    ];
    let server = Server::start(directory()?, &words, &[])?;
    server.wait_for_pass("REDIS_CHECK {\n}", REDIS)?;
    let password = "REDIS_CHECK {\npassword word\n}";
    let set = "SEND_EXPECT_CHECK {\nsend \"CONFIG SET requirepass word\\r\\n\"\nexpect_line +OK\n}";
    assert_passes(set, REDIS)?;
    assert_passes(password, REDIS)?;
    assert_passes("REDIS_CHECK {\nlogin default\npassword word\n}", REDIS)?;
    assert_fails("REDIS_CHECK {\n}", REDIS, "login refused: -NOAUTH")?;
    let wrong = "REDIS_CHECK {\npassword other\n}";
    assert_fails(wrong, REDIS, "login refused: -WRONGPASS")?;
    Ok(())
}

#[testbed::guest_test]
fn mariadb_answers() -> TestResult {
    let directory = directory()?;
    let mut install = Command::new("mariadb-install-db");
    install
        .args(["--no-defaults", "--user=root", "--skip-test-db"])
        .arg(format!("--datadir={}/data", directory.path().display()))
        .arg("--auth-root-authentication-method=normal")
        .current_dir(directory.path());
    process::run(&mut install, DEADLINE)?;
    let words = [
        "mariadbd",
        "--no-defaults",
        "--user=root",
        "--bind-address=127.0.0.1",
        "--datadir={}/data",
        "--socket={}/socket",
        "--init-file={}/users.sql",
    ];
    let users = "CREATE USER probe@localhost;\n\
                 CREATE USER secret@localhost IDENTIFIED BY 'word';\n";
    let server = Server::start(directory, &words, &[("users.sql", users)])?;
    server.wait_for_pass("MYSQL_CHECK {\nlogin probe\n}", MARIADB)?;
    assert_passes("MYSQL_CHECK {\n}", MARIADB)?;
    assert_passes("MYSQL_CHECK {\nlogin secret\npassword word\n}", MARIADB)?;
    let wrong = "MYSQL_CHECK {\nlogin secret\npassword other\n}";
    assert_fails(wrong, MARIADB, "Access denied for user")?;
    assert_fails(
        "MYSQL_CHECK {\nlogin none\n}",
        MARIADB,
        "Access denied for user",
    )?;
    Ok(())
}

/// The directory of PostgreSQL's programs, which has its version in the name.
fn postgresql() -> TestResult<PathBuf> {
    let mut versions = fs::read_dir("/usr/lib/postgresql")?;
    let version = versions.next().ok_or("no PostgreSQL")??;
    Ok(version.path().join("bin"))
}

/// PostgreSQL refuses to run as root.
const AS_DAEMON: [&str; 4] = [
    "setpriv",
    "--reuid=daemon",
    "--regid=daemon",
    "--clear-groups",
];

#[testbed::guest_test]
fn postgresql_answers() -> TestResult {
    let directory = directory()?;
    directory_of_daemon(&directory, "data")?;
    let programs = postgresql()?;
    let [setpriv, rest @ ..] = AS_DAEMON;
    let mut initialise = Command::new(setpriv);
    initialise
        .args(rest)
        .arg(programs.join("initdb"))
        .args(["-D", "data", "-A", "trust", "-U", "probe", "--no-sync"])
        .current_dir(directory.path());
    process::run(&mut initialise, DEADLINE)?;
    let program = programs.join("postgres").display().to_string();
    let options = ["-D", "{}/data", "-k", "{}/data", "-h", "127.0.0.1"];
    let words = [&AS_DAEMON[..], &[&program], &options].concat();
    let server = Server::start(directory, &words, &[])?;
    server.wait_for_pass(
        "PGSQL_CHECK {\nlogin probe\ndatabase postgres\n}",
        POSTGRESQL,
    )?;
    assert_fails("PGSQL_CHECK {\nlogin none\n}", POSTGRESQL, "does not exist")?;
    let missing = "PGSQL_CHECK {\nlogin probe\ndatabase missing\n}";
    assert_fails(missing, POSTGRESQL, "3D000")?;
    Ok(())
}
