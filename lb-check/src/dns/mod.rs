// SPDX-License-Identifier: MIT OR Apache-2.0
//! `DNS_CHECK`: passes when a name server answers a question.

mod factory;
mod kind;
mod message;

use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

pub(crate) use self::factory::DnsFactory;
pub use self::kind::{DnsRcode, DnsRecordType, UnknownDnsName};
pub use self::message::InvalidDomainName;

use self::message::{Answer, NoAnswer, Question, is_record, read};
use crate::connect::{Close, classify, connect};
use crate::datagram::{Datagram, random, shorten};
use crate::outcome::Failure;
use crate::{Arguments, HealthCheck, InvalidAnswer, LocalError, Outcome, Reason, Target};

/// The longest datagram that is read whole. Without EDNS a server sends at most 512 bytes.
const LONGEST_DATAGRAM: usize = 4096;

/// Asks a name server a question, with recursion desired, and passes when the answer has the response code
/// NOERROR. Keepalived's `DNS_CHECK`.
///
/// The records of the answer do not matter unless [`with_answer`](Self::with_answer) names what must be
/// among them. Datagrams with another identifier or question are ignored.
///
/// ```no_run
/// use std::time::Duration;
/// use lb_check::{DnsCheck, HealthCheck, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = DnsCheck::new(Duration::from_secs(3))
///     .with_question("www.example.org", "A".parse()?)?
///     .with_answer("192.0.2.80");
/// let outcome = check.check(&Target::new("192.0.2.53:53".parse()?)).await;
/// println!("{outcome}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DnsCheck {
    /// Longest time until the answer (`connect_timeout`). A question that is repeated over TCP has this
    /// time again.
    pub timeout: Duration,
    /// Whether to ask over TCP. Otherwise the question goes over UDP; it is repeated over TCP when the answer
    /// is truncated and [`with_answer`](Self::with_answer) is used.
    pub tcp: bool,
    name: String,
    question: Question,
    rcodes: Vec<DnsRcode>,
    answers: Vec<String>,
}

impl DnsCheck {
    /// Asks for the SOA record of the root.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "the root is a valid name"
    )]
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            tcp: false,
            name: ".".to_owned(),
            question: Question::new(".", DnsRecordType::SOA).expect("the root is a name"),
            rcodes: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Asks for records of this name and type.
    ///
    /// # Errors
    /// [`InvalidDomainName`] if the name has an empty label, or a label or the whole is too long.
    pub fn with_question(
        mut self,
        name: &str,
        kind: DnsRecordType,
    ) -> Result<Self, InvalidDomainName> {
        self.question = Question::new(name, kind)?;
        name.clone_into(&mut self.name);
        Ok(self)
    }

    /// Asks over TCP.
    #[must_use]
    pub const fn with_tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Accepts this response code, and not NOERROR unless that is named, too.
    #[must_use]
    pub fn with_rcode(mut self, rcode: DnsRcode) -> Self {
        self.rcodes.push(rcode);
        self
    }

    /// Requires a record with these contents: an address, a name, a text, or the form of a zone file. One of
    /// several is enough.
    #[must_use]
    pub fn with_answer(mut self, text: impl Into<String>) -> Self {
        self.answers.push(text.into());
        self
    }

    /// Longest time of one probe.
    pub(crate) fn total_timeout(&self) -> Duration {
        if self.tcp || self.answers.is_empty() {
            self.timeout
        } else {
            2 * self.timeout
        }
    }

    async fn ask(&self, target: &Target) -> Result<(), Failed> {
        let id = u16::from_be_bytes(random()?);
        if !self.tcp {
            let answer = self.ask_by_datagram(target, id).await?;
            if !answer.truncated || self.answers.is_empty() || self.has_record(&answer) {
                return self.judge(&answer);
            }
        }
        let answer = self.ask_by_stream(target, id).await?;
        self.judge(&answer)
    }

    async fn ask_by_datagram(&self, target: &Target, id: u16) -> Result<Answer, Failed> {
        let deadline = Instant::now() + self.timeout;
        let socket = Datagram::udp(target)?;
        socket.send(&self.question.query(id))?;
        let mut buffer = vec![0; LONGEST_DATAGRAM];
        let mut ignored = 0_u64;
        loop {
            let Some((datagram, _)) = socket.receive(&mut buffer, deadline).await? else {
                return Err(Failed::timed_out(ignored));
            };
            match self.read(datagram, id)? {
                Some(answer) => return Ok(answer),
                None => ignored += 1,
            }
        }
    }

    async fn ask_by_stream(&self, target: &Target, id: u16) -> Result<Answer, Failed> {
        let deadline = Instant::now() + self.timeout;
        let mut stream = connect(target, self.timeout, Close::Reset).await?;
        let query = self.question.query(id);
        let length = u16::try_from(query.len())
            .map_err(|_| Failure::Local(LocalError::Other("query too long".to_owned())))?;
        let mut message = length.to_be_bytes().to_vec();
        message.extend(query);
        let mut ignored = 0_u64;
        let exchange = async {
            let failed = |error| Failed::from(classify("write", &error));
            stream.write_all(&message).await.map_err(failed)?;
            loop {
                let message = read_message(&mut stream).await?;
                match self.read(&message, id)? {
                    Some(answer) => return Ok(answer),
                    None => ignored += 1,
                }
            }
        };
        let result = timeout_at(deadline, exchange).await;
        result.unwrap_or_else(|_| Err(Failed::timed_out(ignored)))
    }

    /// None if the message is no answer to the query.
    fn read(&self, message: &[u8], id: u16) -> Result<Option<Answer>, Failed> {
        match read(message, id, &self.question, !self.answers.is_empty()) {
            Ok(answer) => Ok(Some(answer)),
            Err(NoAnswer::Foreign) => Ok(None),
            Err(NoAnswer::Query) => Err(Reason::L7Unexpected("a query".to_owned()).into()),
            Err(NoAnswer::Malformed) => Err(malformed().into()),
        }
    }

    fn has_record(&self, answer: &Answer) -> bool {
        let mut records = answer.records.iter();
        records.any(|record| self.answers.iter().any(|text| is_record(record, text)))
    }

    fn judge(&self, answer: &Answer) -> Result<(), Failed> {
        let accepted = match self.rcodes.as_slice() {
            [] => answer.rcode == DnsRcode::NOERROR,
            rcodes => rcodes.contains(&answer.rcode),
        };
        if !accepted {
            return Err(Reason::L7Unexpected(answer.rcode.to_string()).into());
        }
        if self.answers.is_empty() || self.has_record(answer) {
            return Ok(());
        }
        let found = answer.records.len();
        let text = format!("none of {found} records is {}", self.answers.join(" or "));
        Err(Reason::L7Unexpected(shorten(&text)).into())
    }
}

/// Reads a message with the length before it. The buffer grows by what arrives.
async fn read_message(stream: &mut tokio::net::TcpStream) -> Result<Vec<u8>, Failed> {
    let ended = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Failed::from(Reason::L7NoData),
        _ => classify("read", &error).into(),
    };
    let length = stream.read_u16().await.map_err(ended)?;
    let mut message = Vec::new();
    let mut rest = stream.take(u64::from(length));
    rest.read_to_end(&mut message).await.map_err(ended)?;
    if message.len() < usize::from(length) {
        return Err(malformed().into());
    }
    Ok(message)
}

const fn malformed() -> Reason {
    Reason::L7Invalid(InvalidAnswer::Malformed { protocol: "DNS" })
}

/// A failure, with the number of datagrams that were ignored before it.
struct Failed(Failure, Option<String>);

impl Failed {
    fn timed_out(ignored: u64) -> Self {
        let detail = (ignored > 0).then(|| format!("{ignored} messages to other queries ignored"));
        Self(Failure::Target(Reason::L7Timeout), detail)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(failure, None)
    }
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self(Failure::Target(reason), None)
    }
}

#[async_trait]
impl HealthCheck for DnsCheck {
    fn kind(&self) -> &'static str {
        "DNS_CHECK"
    }

    fn identity(&self) -> String {
        let Self {
            timeout,
            tcp,
            name,
            question,
            rcodes,
            answers,
        } = self;
        let kind = question.kind();
        format!("DNS_CHECK timeout {timeout:?} tcp {tcp} {kind} {name:?} {rcodes:?} {answers:?}")
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![
            Arguments::seconds("connect_timeout", self.timeout),
            Arguments::line("type", [self.question.kind().to_string()]),
            Arguments::line("name", [self.name.as_str()]),
        ];
        if self.tcp {
            lines.push(Arguments::line("tcp", [""; 0]));
        }
        if !self.rcodes.is_empty() {
            let names = self.rcodes.iter().map(ToString::to_string);
            lines.push(Arguments::line("rcode", names));
        }
        if !self.answers.is_empty() {
            lines.push(Arguments::line("answer", &self.answers));
        }
        Some(lines)
    }

    async fn check(&self, target: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = match self.ask(target).await {
            Ok(()) => Outcome::pass(),
            Err(Failed(failure, None)) => failure.into(),
            Err(Failed(failure, Some(detail))) => Outcome::from(failure).with_detail(detail),
        };
        outcome.with_latency(started.elapsed())
    }
}
