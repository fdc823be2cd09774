// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks, the servers that they ask, and what an outage of these makes of the pool.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tests_kernel::net::{Behaviour, HttpServer, Netns, TlsBehaviour, TlsServer};

use crate::TestResult;

/// What is asked by the check of a case.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A web server with its behaviour in an outage.
    Http(Behaviour),
    /// A web server over TLS with its behaviour in an outage.
    Tls(TlsBehaviour),
    /// A script with its exit status before, in and after an outage.
    Script([u8; 3]),
    /// A tracked file with its number before, in and after an outage.
    File([u8; 3]),
}

/// The outage of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// Until the pool is as expected.
    Long,
    /// Shorter than what the retries of the check take.
    Short,
}

/// A virtual server with one check in each of its real servers.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) outage: Outage,
    /// Lines of the virtual server.
    pub(crate) lines: &'static str,
    /// The check; `SCRIPT` stands for the script's path, `NAME` for the name of a tracked file.
    pub(crate) check: &'static str,
    /// Lines of the real server.
    pub(crate) real: &'static str,
    /// Whether there is another real server, without a check.
    pub(crate) has_other: bool,
    /// The pools: before, in and after the outage.
    pub(crate) pools: [&'static str; 3],
    /// How many periods one verdict may take more than with the other program: keepalived fetches one page in each.
    pub(crate) periods: u32,
}

impl Case {
    fn new(name: &'static str, kind: Kind, check: &'static str) -> Self {
        Self {
            name,
            kind,
            outage: Outage::Long,
            lines: "alpha",
            check,
            real: "",
            has_other: false,
            pools: ["61=1", "", "61=1"],
            periods: 1,
        }
    }

    /// The definition of the tracked file, if there is one.
    pub(crate) fn definition(&self, port: u16, folder: &Path) -> String {
        let file = tracked_file(folder, port);
        match self.kind {
            Kind::File(_) => format!("track_file f{port} {{\n file {}\n}}\n", file.display()),
            _ => String::new(),
        }
    }

    /// The block of the virtual server.
    pub(crate) fn block(&self, port: u16, folder: &Path) -> String {
        let script = script(folder, port).display().to_string();
        let check = self.check.replace("SCRIPT", &script);
        let check = check.replace("NAME", &format!("f{port}"));
        let other = match self.has_other {
            true => format!("real_server 192.168.1.62 {port} {{\n}}\n"),
            false => String::new(),
        };
        let lines = self.lines.replace("PORT", &port.to_string());
        format!(
            "virtual_server 192.168.1.50 {port} {{\n delay_loop {period}\n lb_algo rr\n lb_kind NAT\n \
             protocol TCP\n {lines}\n real_server 192.168.1.61 {port} {{\n {real}\n {check}\n }}\n \
             {other}}}\n",
            period = crate::outages::PERIOD.as_secs(),
            real = self.real,
        )
    }
}

const TCP: &str = "TCP_CHECK {
    connect_timeout 2
    retry 1
    delay_before_retry 1
    warmup 0
}";
const PATIENT_TCP: &str = "TCP_CHECK {
    connect_timeout 2
    retry 9
    delay_before_retry 1
    warmup 0
}";
const STATUS: &str = "HTTP_GET {
    url {
        path /
        status_code 200
    }
    connect_timeout 2
    retry 1
    delay_before_retry 1
    warmup 0
}";
const ANY_STATUS: &str = "HTTP_GET {
    url {
        path /
    }
    connect_timeout 2
    retry 1
    delay_before_retry 1
    warmup 0
}";
const DIGEST: &str = "HTTP_GET {
    url {
        path /
        digest 21dde95d9d269cbb2fa6560309dca40c
    }
    connect_timeout 2
    retry 0
    delay_before_retry 1
    warmup 0
}";
const TWO_PAGES: &str = "HTTP_GET {
    url {
        path /one
        status_code 200
    }
    url {
        path /two
        digest 21dde95d9d269cbb2fa6560309dca40c
    }
    connect_timeout 2
    retry 1
    delay_before_retry 1
    warmup 0
}";
const TLS: &str = "SSL_GET {
    url {
        path /
        digest 5d41402abc4b2a76b9719d911017c592
    }
    connect_timeout 3
    retry 1
    delay_before_retry 1
    warmup 0
}";
const SCRIPT: &str = "MISC_CHECK {
    misc_path SCRIPT
    misc_timeout 5
    retry 1
    delay_before_retry 1
    warmup 0
}";
const DYNAMIC: &str = "MISC_CHECK {
    misc_path SCRIPT
    misc_timeout 5
    misc_dynamic
    retry 0
    warmup 0
}";

const REGEX: &str = "HTTP_GET {
    url {
        path /
        regex works
    }
    connect_timeout 2
    retry 1
    delay_before_retry 1
    warmup 0
}";
const FILE: &str = "FILE_CHECK {
    track_file NAME
    weight 2
}";
const FILE_DOWN: &str = "FILE_CHECK {
    track_file NAME
    weight 0
}";

/// All cases; one virtual server for each.
pub(crate) fn cases() -> Vec<Case> {
    let http = |name, behaviour, check| Case::new(name, Kind::Http(behaviour), check);
    let tls = |name, behaviour| Case::new(name, Kind::Tls(behaviour), TLS);
    let mut two_pages = http(
        "two pages",
        Behaviour::Page("other\n".to_owned()),
        TWO_PAGES,
    );
    two_pages.periods = 2;
    let mut no_answer = http("no answer", Behaviour::Hang, STATUS);
    // keepalived counts the period from the end of a check, which lasts until its time limit.
    no_answer.periods = 2;
    let mut short = http("short outage", Behaviour::Refuse, PATIENT_TCP);
    short.outage = Outage::Short;
    short.pools = ["61=1"; 3];
    let mut at_once = http("without alpha", Behaviour::Refuse, TCP);
    at_once.lines = "";
    let mut inhibited = http("inhibit_on_failure", Behaviour::Refuse, TCP);
    inhibited.real = "weight 7\n inhibit_on_failure";
    inhibited.pools = ["61=7", "61=0", "61=7"];
    let mut quorum = http("quorum and sorry server", Behaviour::Refuse, TCP);
    quorum.lines = "alpha\n quorum 2\n sorry_server 192.168.1.63 PORT";
    quorum.has_other = true;
    quorum.pools = ["61=1 62=1", "63=1", "61=1 62=1"];
    let mut hysteresis = http("quorum that holds", Behaviour::Refuse, TCP);
    hysteresis.lines = "alpha\n quorum 2\n hysteresis 1\n sorry_server 192.168.1.63 PORT";
    hysteresis.real = "weight 2";
    hysteresis.has_other = true;
    hysteresis.pools = ["61=2 62=1", "62=1", "61=2 62=1"];
    let mut unreached = http("quorum out of reach", Behaviour::Serve, TCP);
    unreached.lines = "quorum 2\n hysteresis 1\n sorry_server 192.168.1.63 PORT";
    unreached.has_other = true;
    unreached.pools = ["63=1"; 3];
    let mut file = Case::new("weight of a file", Kind::File([0, 3, 0]), FILE);
    file.real = "weight 5";
    file.pools = ["61=5", "61=11", "61=5"];
    let file_down = Case::new("number in a file", Kind::File([0, 1, 0]), FILE_DOWN);
    let mut weights = Case::new("weight of a script", Kind::Script([0, 12, 0]), DYNAMIC);
    weights.real = "weight 5";
    weights.pools = ["61=5", "61=10", "61=5"];
    let mut drained = Case::new("weight 0 of a script", Kind::Script([12, 2, 12]), DYNAMIC);
    drained.real = "weight 5";
    drained.pools = ["61=10", "61=0", "61=10"];
    let mut down = Case::new("status 1 with weights", Kind::Script([12, 1, 4]), DYNAMIC);
    down.real = "weight 5";
    down.pools = ["61=10", "", "61=2"];
    vec![
        http("refused", Behaviour::Refuse, TCP),
        at_once,
        short,
        inhibited,
        quorum,
        hysteresis,
        unreached,
        http("status", Behaviour::Status(500), STATUS),
        http("default status", Behaviour::Status(404), ANY_STATUS),
        http("digest", Behaviour::Page("other\n".to_owned()), DIGEST),
        two_pages,
        http("closed", Behaviour::Close, STATUS),
        http("reset", Behaviour::Reset, STATUS),
        no_answer,
        tls("TLS closed", TlsBehaviour::Close),
        tls("TLS digest", TlsBehaviour::Answer(page("other"))),
        Case::new("script", Kind::Script([0, 3, 0]), SCRIPT),
        http("regex", Behaviour::Page("other\n".to_owned()), REGEX),
        file,
        file_down,
        weights,
        drained,
        down,
    ]
}

fn page(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nServer: lab\r\n\r\n{body}").into_bytes()
}

/// A running server of a case.
#[derive(Debug)]
pub(crate) enum Server {
    Http(HttpServer, Behaviour),
    Tls(TlsServer, TlsBehaviour),
    /// The file with the exit status of the script, or the tracked file.
    Number(PathBuf, [u8; 3]),
}

/// The moments of an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    Within,
    After,
}

impl Server {
    /// Starts what the case needs; `folder` is for scripts.
    pub(crate) fn start(case: &Case, port: u16, netns: &Netns, folder: &Path) -> TestResult<Self> {
        let server = match &case.kind {
            Kind::Http(outage) => Self::Http(HttpServer::start(netns, port)?, outage.clone()),
            Kind::Tls(outage) => {
                let answer = TlsBehaviour::Answer(page("hello"));
                Self::Tls(TlsServer::start(netns, port, answer)?, outage.clone())
            }
            Kind::Script(statuses) => {
                let (path, status) = (script(folder, port), folder.join(format!("{port}.status")));
                let text = format!(
                    "#!/bin/sh\nread status <{}\nexit $status\n",
                    status.display()
                );
                fs::write(&path, text)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
                Self::Number(status, *statuses)
            }
            Kind::File(numbers) => Self::Number(tracked_file(folder, port), *numbers),
        };
        server.set(Moment::Before)?;
        Ok(server)
    }

    /// Has the server do what it does at this moment.
    pub(crate) fn set(&self, moment: Moment) -> TestResult {
        match self {
            Self::Http(server, outage) => server.set_behaviour(match moment {
                Moment::Within => outage.clone(),
                _ => Behaviour::Serve,
            }),
            Self::Tls(server, outage) => server.set_behaviour(match moment {
                Moment::Within => outage.clone(),
                _ => TlsBehaviour::Answer(page("hello")),
            }),
            Self::Number(file, [before, within, after]) => {
                let number = match moment {
                    Moment::Before => before,
                    Moment::Within => within,
                    Moment::After => after,
                };
                // A script never reads half of it.
                let new = file.with_extension("new");
                fs::write(&new, format!("{number}\n"))?;
                fs::rename(&new, file)?;
            }
        }
        Ok(())
    }
}

/// The script of a case.
fn script(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("{port}.sh"))
}

/// The tracked file of a case.
fn tracked_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("{port}.number"))
}
