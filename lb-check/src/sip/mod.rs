// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SIP_CHECK`: passes when a SIP server answers OPTIONS.

mod factory;
mod message;

use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::factory::SipFactory;

use self::message::{Options, Response, head_length, host, read};
use crate::connect::{Close, classify, connect, system};
use crate::datagram::{Datagram, StatusCodes, random};
use crate::outcome::Failure;
use crate::{Arguments, HealthCheck, InvalidAnswer, Outcome, Reason, Target};

/// The longest head of a response, and the longest body that is skipped.
const LONGEST: usize = 8192;
/// The status code that passes where the configuration names none.
const OK: RangeInclusive<u16> = 200..=200;

/// Sends the request OPTIONS and passes when its final response has an accepted status code.
///
/// Responses to other requests (another `Call-ID`) and provisional ones (1xx) are ignored.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{HealthCheck, SipCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = SipCheck::new(Duration::from_secs(3))
///     .with_user("monitor")
///     .with_status(200..=200)
///     .with_status(404..=404);
/// let outcome = check.check(&Target::new("192.0.2.61:5060".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SipCheck {
    /// Longest time until the response (`connect_timeout`).
    pub timeout: Duration,
    /// The user that the request is for, with or without a host (`login`).
    pub user: Option<String>,
    /// Whether to send the request over TCP.
    pub tcp: bool,
    status: StatusCodes,
}

impl SipCheck {
    /// A check over UDP that accepts 200 and asks the server itself.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            user: None,
            tcp: false,
            status: Vec::new(),
        }
    }

    /// Asks for a user: `alice`, at the address of the target, or `alice@example.org`.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sends the request over TCP.
    #[must_use]
    pub const fn with_tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Accepts these status codes, and not 200 unless that is named, too.
    #[must_use]
    pub fn with_status(mut self, codes: RangeInclusive<u16>) -> Self {
        self.status.push(codes);
        self
    }

    fn uri(&self, target: &Target) -> String {
        let host = host(target.address);
        match &self.user {
            None => format!("sip:{host}"),
            Some(user) if user.contains('@') => format!("sip:{user}"),
            Some(user) => format!("sip:{user}@{host}"),
        }
    }

    async fn ask(&self, target: &Target) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeout;
        let code = if self.tcp {
            self.ask_by_stream(target, deadline).await?
        } else {
            self.ask_by_datagram(target, deadline).await?
        };
        let accepted = self.status.iter().any(|codes| codes.contains(&code));
        if accepted || (self.status.is_empty() && OK.contains(&code)) {
            Ok(())
        } else {
            Err(Failure::Target(Reason::L7Status(code)))
        }
    }

    async fn ask_by_datagram(&self, target: &Target, deadline: Instant) -> Result<u16, Failure> {
        let socket = Datagram::udp(target)?;
        let dialog = Dialog::new()?;
        let local = socket.local_address()?;
        let request = dialog.options("UDP", &self.uri(target), local);
        socket.send(request.as_bytes())?;
        let mut buffer = vec![0; LONGEST];
        loop {
            let received = socket.receive(&mut buffer, deadline).await?;
            let Some((message, _)) = received else {
                return Err(Failure::Target(Reason::L7Timeout));
            };
            match read(message, &dialog.call_id).map_err(Failure::Target)? {
                Response::Final(code) => return Ok(code),
                Response::Other { .. } => {}
            }
        }
    }

    async fn ask_by_stream(&self, target: &Target, deadline: Instant) -> Result<u16, Failure> {
        let mut stream = connect(target, self.timeout, Close::Reset).await?;
        let dialog = Dialog::new()?;
        let local = stream.local_addr();
        let local = local.map_err(|error| Failure::Local(system("local address", &error)))?;
        let request = dialog.options("TCP", &self.uri(target), local);
        let exchange = async {
            let written = stream.write_all(request.as_bytes()).await;
            written.map_err(|error| classify("write", &error))?;
            read_response(&mut stream, &dialog.call_id).await
        };
        let result = timeout_at(deadline, exchange).await;
        result.unwrap_or(Err(Failure::Target(Reason::L7Timeout)))
    }
}

/// Reads responses until the final one.
async fn read_response(stream: &mut TcpStream, call_id: &str) -> Result<u16, Failure> {
    let malformed = || {
        let protocol = "SIP";
        Failure::Target(Reason::L7Invalid(InvalidAnswer::Malformed { protocol }))
    };
    let mut buffer: Vec<u8> = Vec::new();
    let mut skip = 0;
    let mut chunk = [0; 1024];
    loop {
        let gone = skip.min(buffer.len());
        buffer.drain(..gone);
        skip -= gone;
        if skip == 0
            && let Some(length) = head_length(&buffer)
        {
            let head = buffer.get(..length).unwrap_or_default();
            match read(head, call_id).map_err(Failure::Target)? {
                Response::Final(code) => return Ok(code),
                Response::Other { body } if body <= LONGEST => skip = length + body,
                Response::Other { .. } => return Err(malformed()),
            }
            continue;
        }
        if buffer.len() > LONGEST {
            return Err(malformed());
        }
        let received = stream.read(&mut chunk).await;
        match received.map_err(|error| classify("read", &error))? {
            0 if buffer.is_empty() => return Err(Failure::Target(Reason::L7NoData)),
            0 => return Err(malformed()),
            length => buffer.extend(chunk.get(..length).unwrap_or_default()),
        }
    }
}

/// The random words of one request.
struct Dialog {
    branch: String,
    tag: String,
    call_id: String,
}

impl Dialog {
    fn new() -> Result<Self, Failure> {
        let word =
            || -> Result<String, Failure> { Ok(format!("{:016x}", u64::from_be_bytes(random()?))) };
        Ok(Self {
            branch: word()?,
            tag: word()?,
            call_id: word()?,
        })
    }

    fn options(&self, transport: &'static str, uri: &str, local: std::net::SocketAddr) -> String {
        let options = Options {
            transport,
            uri,
            local,
            branch: &self.branch,
            tag: &self.tag,
            call_id: &self.call_id,
        };
        options.request()
    }
}

#[async_trait]
impl HealthCheck for SipCheck {
    fn kind(&self) -> &'static str {
        "SIP_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.timeout)];
        lines.extend(
            self.user
                .iter()
                .map(|user| Arguments::line("login", [user])),
        );
        if self.tcp {
            lines.push(Arguments::line("tcp", [""; 0]));
        }
        if !self.status.is_empty() {
            let codes = self.status.iter().map(|codes| {
                if codes.start() == codes.end() {
                    codes.start().to_string()
                } else {
                    format!("{}-{}", codes.start(), codes.end())
                }
            });
            lines.push(Arguments::line("status_code", codes));
        }
        Some(lines)
    }

    async fn check(&self, target: &Target) -> Outcome {
        Outcome::measure(self.ask(target)).await
    }
}
