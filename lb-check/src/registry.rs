// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps the names of checks in a configuration to their factories.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{ArgumentError, Arguments, CheckContext, HealthCheck};

/// Keywords of a check block that concern the socket and are read by the configuration, not by
/// the factory: they end up in [`Target`](crate::Target) and [`CheckContext::connect_timeout`].
pub const SOCKET_KEYWORDS: &[&str] = &[
    "connect_ip",
    "connect_port",
    "bindto",
    "bind_port",
    "bind_if",
    "connect_timeout",
    "fwmark",
];

/// Keywords of a check block that concern the schedule and are read by the configuration, not by
/// the factory: they end up in [`Policy`](crate::Policy).
pub const SCHEDULE_KEYWORDS: &[&str] = &[
    "retry",
    "delay_before_retry",
    "warmup",
    "delay_loop",
    "alpha",
    "log_all_failures",
    "rise",
    "fall",
    "fast_interval",
    "down_interval",
    "deadline",
    "jitter",
];

/// Makes a check from its block in a configuration.
///
/// Every `Fn(&Arguments, &CheckContext) -> Result<BuiltCheck, Vec<ArgumentError>>` is one.
/// Implement the trait on a type to name the keywords, for "did you mean".
pub trait CheckFactory: Send + Sync {
    /// Makes the check.
    ///
    /// A wrong line need not prevent the check: its finding goes to [`BuiltCheck::findings`], the default
    /// stays, and the caller decides whether an error there stops the start (strict) or is
    /// only reported (as keepalived does).
    ///
    /// # Errors
    /// When there is nothing to build; everything that is wrong with the block, not just the
    /// first thing. When all of it is [`Severity::Warning`](crate::Severity::Warning), the check
    /// is dropped with that warning and the rest of the configuration holds.
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>>;

    /// The keywords that [`build`](Self::build) understands.
    fn keywords(&self) -> &[&str] {
        &[]
    }

    /// Whether [`SOCKET_KEYWORDS`] are allowed in the block.
    fn uses_socket(&self) -> bool {
        true
    }

    /// Whether [`SCHEDULE_KEYWORDS`] are allowed in the block. A check that follows an input has no schedule:
    /// its policy is without retries and without warmup.
    fn uses_schedule(&self) -> bool {
        true
    }
}

impl<F> CheckFactory for F
where
    F: Fn(&Arguments, &CheckContext) -> Result<BuiltCheck, Vec<ArgumentError>> + Send + Sync,
{
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        self(arguments, context)
    }
}

/// A check as a factory made it, with what its kind suggests for the policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BuiltCheck {
    /// The check.
    pub check: Arc<dyn HealthCheck>,
    /// `retry` where the configuration has none (keepalived: 1; `MISC_CHECK` 0).
    pub retries: u32,
    /// `delay_before_retry` where the configuration has none (keepalived: 1 s; `HTTP_GET` 3 s).
    pub retry_delay: Duration,
    /// While down the next probe comes after max(`delay_loop`, `delay_before_retry`) (`HTTP_GET`).
    pub down_waits_retry_delay: bool,
    /// Longest time one whole probe may take: [`Policy::deadline`](crate::Policy::deadline).
    pub deadline: Duration,
    /// Findings although the check can be made: errors (the line was skipped) and warnings.
    pub findings: Vec<ArgumentError>,
}

impl BuiltCheck {
    /// Difference between the own time limits of the built-in checks and
    /// [`deadline`](Self::deadline): the check reports *which* step took too long, and the deadline
    /// is for checks that hang.
    pub const SLACK: Duration = Duration::from_millis(500);

    /// A check with keepalived's usual retry (1, after 1 s) and its [usual deadline](Self::usual_deadline).
    #[must_use]
    pub fn new(check: Arc<dyn HealthCheck>) -> Self {
        Self {
            deadline: Self::usual_deadline(&*check),
            check,
            retries: 1,
            retry_delay: Duration::from_secs(1),
            down_waits_retry_delay: false,
            findings: Vec::new(),
        }
    }

    /// The deadline of a check without the keyword `deadline`: its [limit](HealthCheck::time_limit) and
    /// [`SLACK`](Self::SLACK), or 10 s if it has none.
    #[must_use]
    pub fn usual_deadline(check: &dyn HealthCheck) -> Duration {
        check.time_limit().map_or(Duration::from_secs(10), |limit| {
            limit.saturating_add(Self::SLACK)
        })
    }

    /// Sets the longest time of one whole probe.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// The checks a configuration may name.
///
/// This is the plug-in point: a program registers its own name, and the configuration accepts
/// `MY_CHECK { … }` in a real server.
///
/// ```
/// use std::sync::Arc;
/// use lb_check::{Arguments, BuiltCheck, CheckContext, HealthCheck, Outcome, Registry, Target};
///
/// #[derive(Debug)]
/// struct Always;
///
/// #[async_trait::async_trait]
/// impl HealthCheck for Always {
///     fn kind(&self) -> &str {
///         "ALWAYS"
///     }
///     async fn check(&self, _: &Target) -> Outcome {
///         Outcome::pass()
///     }
/// }
///
/// let mut registry = Registry::builtin();
/// registry.register("ALWAYS", |_: &Arguments, _: &CheckContext| {
///     Ok(BuiltCheck::new(Arc::new(Always)))
/// });
///
/// let context = CheckContext::new("192.0.2.61:80".parse().unwrap());
/// let factory = registry.get("ALWAYS").unwrap();
/// let built = factory.build(&Arguments::block("ALWAYS", []), &context).unwrap();
/// assert_eq!(built.check.kind(), "ALWAYS");
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    factories: BTreeMap<String, Arc<dyn CheckFactory>>,
}

impl Registry {
    /// A registry without any check.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The checks that come with this crate, as far as their features are on: `TCP_CHECK`,
    /// `HTTP_GET`, `SSL_GET`, `HTTP_CHECK`, `MISC_CHECK`, `FILE_CHECK`, `SMTP_CHECK`, `IMAP_CHECK`, `POP3_CHECK`,
    /// `FTP_CHECK`, `NNTP_CHECK`, `REDIS_CHECK`, `SEND_EXPECT_CHECK`, `AGENT_CHECK`.
    #[must_use]
    pub fn builtin() -> Self {
        #[allow(
            unused_mut,
            reason = "without any of the features there is nothing to add"
        )]
        let mut registry = Self::new();
        #[cfg(feature = "tcp")]
        registry.register("TCP_CHECK", crate::tcp::TcpFactory);
        #[cfg(feature = "runtime")]
        registry.register("FILE_CHECK", crate::file::FileFactory);
        #[cfg(feature = "http")]
        registry.register("HTTP_GET", crate::http::HttpFactory::Plain);
        #[cfg(feature = "http-check")]
        registry.register("HTTP_CHECK", crate::http_check::HttpCheckFactory);
        #[cfg(all(feature = "http", feature = "tls"))]
        registry.register("SSL_GET", crate::http::HttpFactory::Tls);
        #[cfg(feature = "ldap")]
        registry.register("LDAP_CHECK", crate::ldap::LdapFactory);
        #[cfg(feature = "sql")]
        registry.register("MYSQL_CHECK", crate::sql::MysqlFactory);
        #[cfg(feature = "sql")]
        registry.register("PGSQL_CHECK", crate::sql::PgsqlFactory);
        #[cfg(feature = "grpc")]
        registry.register("GRPC_CHECK", crate::grpc::GrpcFactory);
        #[cfg(feature = "text")]
        registry.register_text();
        #[cfg(feature = "script")]
        registry.register("MISC_CHECK", crate::script::ScriptFactory);
        registry
    }

    #[cfg(feature = "text")]
    fn register_text(&mut self) {
        use crate::TextProtocol;
        use crate::text::{AgentFactory, ProtocolFactory, SendExpectFactory};

        self.register("SEND_EXPECT_CHECK", SendExpectFactory);
        self.register("AGENT_CHECK", AgentFactory);
        for protocol in [
            TextProtocol::Smtp,
            TextProtocol::Imap,
            TextProtocol::Pop3,
            TextProtocol::Ftp,
            TextProtocol::Nntp,
            TextProtocol::Redis,
        ] {
            self.register(protocol.kind(), ProtocolFactory(protocol));
        }
    }

    /// Makes `name` known; an earlier factory of that name is replaced and returned.
    pub fn register(
        &mut self,
        name: impl Into<String>,
        factory: impl CheckFactory + 'static,
    ) -> Option<Arc<dyn CheckFactory>> {
        self.factories.insert(name.into(), Arc::new(factory))
    }

    /// The factory of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn CheckFactory> {
        self.factories.get(name).map(AsRef::as_ref)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.factories.keys()).finish()
    }
}
