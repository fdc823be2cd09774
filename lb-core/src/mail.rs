// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mail notifications: what keepalived's `notification_email` and `smtp_server` ask for, over SMTP.
//!
//! A [`Mailer`] is a bounded queue in front of one delivery task. Offering a message never waits:
//! a full queue drops the new message and logs that, because a mail server that does not answer must not
//! delay the load balancer.
//!
//! # Examples
//! ```no_run
//! use lb_core::mail::{MailSettings, Mailer, Message};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings =
//!     MailSettings::new("192.168.1.16", "lb1@example.net").with_recipient("ops@example.net");
//! let mailer = Mailer::start(settings)?;
//! mailer.offer(Message::new("[lb1] VRRP Instance VI_1 - Entering MASTER state", "=> … <="));
//! mailer.shutdown(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```

use std::error::Error;
use std::time::Duration;

use lb_host::thread::catch_future;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use tokio::sync::mpsc;

pub use crate::model::MailSettings;

/// Messages that wait for the mail server at the most.
const QUEUE: usize = 256;
/// Waits between the tries to deliver one message.
const BACK_OFF: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// Subject and body of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Subject line.
    pub subject: String,
    /// Plain text body.
    pub body: String,
}

impl Message {
    /// A message with this subject and body.
    pub fn new(subject: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            body: body.into(),
        }
    }
}

/// The settings cannot be used to send mail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Not an address a mail can be sent to or from.
    #[error("mail address {address:?} is not valid")]
    Address {
        /// The address as configured.
        address: String,
        /// The fault.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A queue of notifications and the task that delivers them.
#[derive(Debug)]
pub struct Mailer {
    queue: mpsc::Sender<Message>,
    task: tokio::task::JoinHandle<()>,
}

impl Mailer {
    /// Starts the delivery task on the current tokio runtime.
    ///
    /// # Errors
    /// [`MailError::Address`] when sender or a recipient is not an address.
    pub fn start(settings: MailSettings) -> Result<Self, MailError> {
        let envelope = Envelope::new(&settings)?;
        let (queue, messages) = mpsc::channel(QUEUE);
        let task = tokio::spawn(deliver_all(settings, envelope, messages));
        Ok(Self { queue, task })
    }

    /// Queues a message; where the queue is full the message is dropped with a warning.
    pub fn offer(&self, message: Message) {
        if let Err(refused) = self.queue.try_send(message) {
            let subject = refused.into_inner().subject;
            tracing::warn!(%subject, "mail dropped, {QUEUE} are waiting for the mail server");
        }
    }

    /// Delivers what is queued, within `limit`, and ends the task.
    pub async fn shutdown(self, limit: Duration) {
        drop(self.queue);
        let mut task = self.task;
        if tokio::time::timeout(limit, &mut task).await.is_err() {
            tracing::warn!("mail server did not take all mails within {limit:?}");
            task.abort();
        }
    }
}

/// Sender and recipients, parsed once.
#[derive(Clone, Debug)]
struct Envelope {
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Envelope {
    fn new(settings: &MailSettings) -> Result<Self, MailError> {
        let parse = |address: &String| {
            address
                .parse::<Mailbox>()
                .map_err(|source| MailError::Address {
                    address: address.clone(),
                    source: source.into(),
                })
        };
        Ok(Self {
            from: parse(&settings.from)?,
            to: settings.to.iter().map(parse).collect::<Result<_, _>>()?,
        })
    }
}

async fn deliver_all(
    settings: MailSettings,
    envelope: Envelope,
    mut messages: mpsc::Receiver<Message>,
) {
    let transport = transport(&settings);
    while let Some(message) = messages.recv().await {
        let delivery = deliver(&settings, &envelope, &transport, &message);
        // A panic with one mail must not lose the others.
        if let Err(panic) = catch_future(delivery).await {
            tracing::error!(subject = %message.subject, "mail not sent: {panic}; please report this");
        }
    }
}

fn transport(settings: &MailSettings) -> AsyncSmtpTransport<Tokio1Executor> {
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.server.clone())
        .port(settings.port)
        .timeout(Some(settings.timeout));
    match &settings.helo {
        Some(name) => builder.hello_name(ClientId::Domain(name.clone())).build(),
        None => builder.build(),
    }
}

async fn deliver(
    settings: &MailSettings,
    envelope: &Envelope,
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    message: &Message,
) {
    let subject = &message.subject;
    let mut waits = BACK_OFF.into_iter();
    loop {
        let error = match attempt(envelope, transport, message).await {
            Ok(()) => {
                tracing::debug!(%subject, "mail delivered");
                return;
            }
            Err(error) => error,
        };
        let server = &settings.server;
        let port = settings.port;
        match waits.next() {
            Some(wait) => {
                tracing::warn!(%subject, "mail server {server}:{port}: {error}, next try in {wait:?}");
                tokio::time::sleep(wait).await;
            }
            None => {
                tracing::error!(%subject, "mail server {server}:{port}: {error}, mail given up");
                return;
            }
        }
    }
}

async fn attempt(
    envelope: &Envelope,
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    message: &Message,
) -> Result<(), AttemptError> {
    let mut builder = lettre::Message::builder()
        .from(envelope.from.clone())
        .subject(message.subject.clone())
        .header(ContentType::TEXT_PLAIN);
    for to in &envelope.to {
        builder = builder.to(to.clone());
    }
    let mail = builder.body(message.body.clone())?;
    transport.send(mail).await?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("message cannot be built: {0}")]
    Build(#[from] lettre::error::Error),
    #[error("{0}")]
    Send(#[from] lettre::transport::smtp::Error),
}
