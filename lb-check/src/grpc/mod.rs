// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GRPC_CHECK`: asks a server for its health, by `grpc.health.v1`.

mod call;
mod factory;
mod message;

#[cfg(feature = "tls")]
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use self::call::Answer;
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Stream, TlsRequest};
use crate::{AnswerCode, Arguments, HealthCheck, Outcome, Reason, Security, Target};
#[cfg(feature = "tls")]
use crate::{LocalError, TlsClient, TlsSettings};

pub(crate) use self::factory::GrpcFactory;

/// A client that offers HTTP/2, which servers of gRPC demand, and accepts any server.
#[cfg(feature = "tls")]
static HTTP2: LazyLock<Option<TlsClient>> = LazyLock::new(|| {
    let settings = TlsSettings {
        http2: true,
        ..TlsSettings::default()
    };
    TlsClient::load(settings).ok()
});

/// SERVING in `grpc.health.v1`.
const SERVING: u32 = 1;

/// Calls `Check` of `grpc.health.v1.Health` over HTTP/2; passes when the service is SERVING.
///
/// A server that does not know the service answers with the status NOT_FOUND, one without health checks with
/// UNIMPLEMENTED; both are failures with an [`AnswerCode`] of their own.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{GrpcCheck, HealthCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = GrpcCheck::new("shop.Orders", Duration::from_secs(3));
/// let outcome = check.check(&Target::new("192.0.2.61:50051".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GrpcCheck {
    /// The service; empty for the server as a whole.
    pub service: String,
    /// The authority of the request; the address of the target without.
    pub virtualhost: Option<String>,
    /// Whether the connection uses TLS; the protocol has no [`Security::StartTls`].
    pub security: Security,
    /// The server name that TLS sends; without one none is sent.
    pub server_name: Option<String>,
    /// Longest time to connect, of the handshake of TLS, and of the whole call, each.
    pub timeout: Duration,
}

impl GrpcCheck {
    /// A check of this service over a plain connection; an empty name is the server as a whole.
    #[must_use]
    pub fn new(service: impl Into<String>, timeout: Duration) -> Self {
        Self {
            service: service.into(),
            virtualhost: None,
            security: Security::Plain,
            server_name: None,
            timeout,
        }
    }

    /// Sets the authority of the request.
    #[must_use]
    pub fn with_virtualhost(mut self, host: impl Into<String>) -> Self {
        self.virtualhost = Some(host.into());
        self
    }

    /// Sets whether the connection uses TLS.
    #[must_use]
    pub const fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Sets the server name that TLS sends.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    async fn run(&self, target: &Target) -> Result<(), Failure> {
        let stream = self.connect(target).await?;
        let address = target.address.to_string();
        let authority = self.virtualhost.as_deref().unwrap_or(&address);
        let scheme = if self.security == Security::Tls {
            "https"
        } else {
            "http"
        };
        let uri = format!("{scheme}://{authority}/grpc.health.v1.Health/Check");
        let call = call::call(stream, &uri, message::request(&self.service), self.timeout);
        let answer = timeout(self.timeout, Box::pin(call)).await;
        let Answer {
            status,
            message,
            body,
        } = answer.unwrap_or(Err(fail(Reason::L7Timeout)))?;
        if status != 0 {
            return Err(fail(Reason::answered(AnswerCode::Grpc(status), &message)));
        }
        match message::read_response(&body) {
            Some(SERVING) => Ok(()),
            Some(other) => Err(fail(Reason::answered(AnswerCode::GrpcHealth(other), &[]))),
            None => Err(fail(Reason::unexpected(&body))),
        }
    }

    #[cfg(feature = "tls")]
    async fn connect(&self, target: &Target) -> Result<Stream, Failure> {
        let request = TlsRequest {
            name: self.server_name.as_deref(),
            close_notify: false,
        };
        let tls = match ((self.security == Security::Tls), HTTP2.as_ref()) {
            (false, _) => None,
            (true, Some(client)) => Some((client, request)),
            (true, None) => {
                let error = "no version of TLS is available".to_owned();
                return Err(Failure::Local(LocalError::Other(error)));
            }
        };
        Stream::open_with(target, tls, self.timeout, Close::Reset).await
    }

    #[cfg(not(feature = "tls"))]
    async fn connect(&self, target: &Target) -> Result<Stream, Failure> {
        let tls = (self.security == Security::Tls).then(TlsRequest::default);
        Stream::open(target, tls, self.timeout, Close::Reset).await
    }
}

#[async_trait]
impl HealthCheck for GrpcCheck {
    fn kind(&self) -> &'static str {
        "GRPC_CHECK"
    }

    fn identity(&self) -> String {
        format!("GRPC_CHECK {self:?}")
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        Some(self.to_lines())
    }

    fn time_limit(&self) -> Option<Duration> {
        // To connect, of the handshake, and of the call.
        Some(self.timeout.saturating_mul(3))
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(self.run(target)).await
    }
}

const fn fail(reason: Reason) -> Failure {
    Failure::Target(reason)
}
