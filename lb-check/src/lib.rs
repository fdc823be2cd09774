// SPDX-License-Identifier: MIT OR Apache-2.0
//! Health checks for a load balancer: one small trait, a pure state machine, a scheduler, and the
//! checks that keepalived users know.
//!
//! # The parts
//!
//! * [`HealthCheck`] probes a [`Target`] once and returns an [`Outcome`]: the probe passed, failed
//!   for a typed [`Reason`], or could not be made because of an error of this host
//!   ([`LocalError`]), which **never counts against the target**.
//! * [`Policy`] holds how often to probe and how many results make a verdict; [`CheckState`] applies
//!   it. Both are values without clock and I/O: outcomes in, transitions out.
//! * [`Scheduler`] runs many probes on tokio, at a fixed rate and evenly spread, equal ones once,
//!   each within its deadline, and reports the verdicts as [`CheckEvent`]s.
//! * [`TcpCheck`], [`HttpGet`] and [`Script`] are keepalived's `TCP_CHECK`, `HTTP_GET` (over [`Tls`]
//!   `SSL_GET`) and `MISC_CHECK`; [`genhash`] computes the digest that [`HttpGet`] compares.
//! * [`LdapCheck`], [`MysqlCheck`], [`PgsqlCheck`] and [`GrpcCheck`] ask servers of these protocols.
//! * [`FileCheck`] is `FILE_CHECK`; it and [`InputCheck`] follow an [`Input`], a state that a program pushes,
//!   and report its changes at once.
//! * [`ProtocolCheck`] greets servers of SMTP (keepalived's `SMTP_CHECK`), IMAP, POP3, FTP, NNTP and Redis, and logs
//!   in if asked; [`SendExpect`] makes any dialogue; [`AgentCheck`] asks an agent for state and weight.
//! * [`Registry`] maps names of a configuration to checks. Your own checks are registered there.
//!
//! The parts are independent: a program may call a check itself, or use [`CheckState`] with
//! probes of its own, or the scheduler with checks of its own.
//!
//! # Write your own check
//!
//! A check is a type with a name and one function. Once it is registered, a configuration may use
//! it like the built-in ones, with interval, retries, deadline and cancellation by the scheduler:
//!
#![cfg_attr(feature = "runtime", doc = "```")]
#![cfg_attr(not(feature = "runtime"), doc = "```ignore")]
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use lb_check::{
//!     ArgumentError, Arguments, BuiltCheck, CheckContext, CheckEvent, HealthCheck, Outcome,
//!     Policy, Problem, ProbeSpec, Reason, Registry, Scheduler, SchedulerOptions, SubscriptionId, Target,
//! };
//!
//! /// Passes for odd ports.
//! #[derive(Debug)]
//! struct OddPort {
//!     at_least: u16,
//! }
//!
//! #[async_trait::async_trait]
//! impl HealthCheck for OddPort {
//!     fn kind(&self) -> &str {
//!         "ODD_PORT"
//!     }
//!
//!     async fn check(&self, target: &Target) -> Outcome {
//!         match target.address.port() {
//!             port if port >= self.at_least && port % 2 == 1 => Outcome::pass(),
//!             port => Outcome::fail(Reason::Other(format!("port {port} is even or too low"))),
//!         }
//!     }
//! }
//!
//! /// `ODD_PORT { at_least N }`
//! fn odd_port(
//!     block: &Arguments,
//!     _: &CheckContext,
//! ) -> Result<BuiltCheck, Vec<ArgumentError>> {
//!     let mut at_least = 1;
//!     for line in block.children.iter().filter(|line| line.name == "at_least") {
//!         let value = line.values.first().and_then(|text| text.parse().ok());
//!         at_least = value.ok_or_else(|| {
//!             vec![ArgumentError::error(line, Problem::Other("at_least needs a port".into()))]
//!         })?;
//!     }
//!     Ok(BuiltCheck::new(Arc::new(OddPort { at_least })))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut registry = Registry::builtin();
//! registry.register("ODD_PORT", odd_port);
//!
//! // How a configuration uses `ODD_PORT { at_least 81 }` in a real server:
//! let address = "192.0.2.61:80".parse()?;
//! let block = Arguments::block("ODD_PORT", [Arguments::line("at_least", ["81"])]);
//! let factory = registry.get("ODD_PORT").expect("registered above");
//! let built = factory.build(&block, &CheckContext::new(address)).expect("a number");
//!
//! // How the scheduler uses it:
//! let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
//! let policy = Policy::default()
//!     .with_retries(1)
//!     .with_retry_delay(Duration::from_millis(10))
//!     .with_warmup(Duration::ZERO);
//! let spec = ProbeSpec::new(built.check, Target::new(address), policy);
//! scheduler.subscribe(SubscriptionId::new(1), spec).await?;
//!
//! assert!(matches!(events.recv().await, Some(CheckEvent::Attempt { attempt: 1, .. })));
//! let Some(CheckEvent::Changed { up, outcome, attempts, .. }) = events.recv().await else {
//!     panic!("one retry, then a verdict");
//! };
//! assert_eq!((up, attempts), (false, 2));
//! assert_eq!(outcome.to_string(), "port 80 is even or too low");
//! scheduler.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | gives | needs |
//! |---|---|---|
//! | *(none)* | the trait, [`Outcome`], [`CheckState`], [`Registry`] | |
//! | `runtime` | [`Scheduler`], [`Input`], [`FileCheck`] | tokio, tracing, socket2, rustix |
//! | `tcp` | [`TcpCheck`] | |
//! | `http` | [`HttpGet`], [`genhash`] | httparse, md-5 |
//! | `http-check` | [`HttpCheck`] | hyper, sha2 |
//! | `regex` | [`PageRegex`] for [`HttpGet`] | PCRE2 |
//! | `tls` | TLS for these, [`Tls`] | rustls with ring, tokio-rustls |
//! | `text` | [`SendExpect`], [`ProtocolCheck`], [`AgentCheck`] | regex |
//! | `ldap` | [`LdapCheck`] | |
//! | `sql` | [`MysqlCheck`], [`PgsqlCheck`] | sha1, sha2 |
//! | `grpc` | [`GrpcCheck`] | h2, http, bytes |
//! | `script` | [`Script`] | lb-host |
//!
//! All are on by default.

mod answer_code;
mod arguments;
mod check;
#[cfg(feature = "runtime")]
mod connect;
mod digest;
#[cfg(feature = "runtime")]
mod file;
mod file_weight;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http-check")]
mod http_check;
#[cfg(feature = "runtime")]
mod input;
#[cfg(feature = "runtime")]
mod keywords;
#[cfg(feature = "ldap")]
mod ldap;
mod outcome;
mod policy;
mod probe;
mod registry;
#[cfg(feature = "runtime")]
mod scheduler;
#[cfg(feature = "script")]
mod script;
#[cfg(any(feature = "text", feature = "ldap", feature = "sql"))]
mod secret;
#[cfg(any(feature = "text", feature = "ldap", feature = "sql", feature = "grpc"))]
mod security;
mod source_ports;
#[cfg(feature = "sql")]
mod sql;
mod state;
#[cfg(feature = "stream")]
mod stream;
mod target;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(feature = "text")]
mod text;
#[cfg(any(feature = "script", feature = "regex"))]
mod words;

pub use crate::answer_code::AnswerCode;
pub use crate::arguments::{
    ArgumentError, Arguments, CheckContext, Problem, ScriptRules, Severity,
};
pub use crate::check::HealthCheck;
pub use crate::digest::{Md5Digest, ParseDigestError};
#[cfg(feature = "runtime")]
pub use crate::file::FileCheck;
pub use crate::file_weight::FileWeight;
#[cfg(feature = "grpc")]
pub use crate::grpc::GrpcCheck;
#[cfg(feature = "regex")]
pub use crate::http::regex::{PageRegex, ParseRegexOptionError, RegexError, RegexOption};
#[cfg(feature = "http")]
pub use crate::http::{HttpGet, ParseProtocolError, Protocol, Tls, Url, genhash};
#[cfg(all(feature = "http-check", feature = "tls"))]
pub use crate::http_check::HttpTls;
#[cfg(feature = "http-check")]
pub use crate::http_check::{
    Expectation, HttpCheck, HttpVersion, ParseHttpVersionError, ParseSha256Error, Sha256Digest,
};
#[cfg(feature = "runtime")]
pub use crate::input::{Input, InputCheck, InputState};
#[cfg(feature = "ldap")]
pub use crate::ldap::LdapCheck;
pub use crate::outcome::{InvalidAnswer, LocalError, Outcome, Reason, Verdict, WeightRequest};
pub use crate::policy::{FirstVerdict, Initial, Policy};
pub use crate::probe::{ProbeSpec, SharedCheck};
pub use crate::registry::{BuiltCheck, CheckFactory, Registry, SCHEDULE_KEYWORDS, SOCKET_KEYWORDS};
#[cfg(feature = "runtime")]
pub use crate::scheduler::{
    CheckEvent, CheckEvents, Scheduler, SchedulerClosed, SchedulerOptions, SchedulerStats,
    SubscriptionId,
};
#[cfg(feature = "script")]
pub use crate::script::{Account, Program, Script, UnknownAccount};
#[cfg(any(feature = "text", feature = "ldap", feature = "sql"))]
pub use crate::secret::Secret;
#[cfg(any(feature = "text", feature = "ldap", feature = "sql", feature = "grpc"))]
pub use crate::security::Security;
pub use crate::source_ports::SourcePorts;
#[cfg(feature = "sql")]
pub use crate::sql::{MysqlCheck, PgsqlCheck};
pub use crate::state::{CheckState, Status, Step, Transition};
#[cfg(feature = "tls")]
pub use crate::stream::{TlsClient, TlsClientError, TlsSettings};
pub use crate::target::Target;
#[cfg(feature = "tcp")]
pub use crate::tcp::TcpCheck;
#[cfg(feature = "text")]
pub use crate::text::{AgentCheck, InvalidPattern, Login, ProtocolCheck, SendExpect, TextProtocol};
