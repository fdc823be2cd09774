// SPDX-License-Identifier: MIT OR Apache-2.0
//! `genhash`: the digest of a page, to be put into a configuration.
//!
//! The rules of the digest, which [`HttpGet`](crate::HttpGet) applies too:
//!
//! * it covers the bytes of the body, as they come; chunks are not decoded, so their framing is
//!   part of it;
//! * the first `Content-Length:` limits it to that many bytes; case matters, and the end of a longer name
//!   counts too (`X-Content-Length:`), as it does for genhash, and so do the status line and the part of the
//!   body that arrives with the header;
//! * the header has to end with CR LF CR LF within its first 4095 bytes, else there is no data;
//! * the status code does not matter here.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use lb_check::genhash::{self, GenhashOptions};
//!
//! let options = GenhashOptions::new("192.0.2.61".parse()?, 80, "/");
//! println!("{}", genhash::run(&options).await?.digest);
//! # Ok(())
//! # }
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use md5::{Digest as _, Md5};
use tokio::time::timeout;

use super::connection::{self, Security};
use super::exchange::{Head, Part};
use super::{Protocol, request};
use crate::outcome::Failure;
use crate::stream::TlsRequest;
use crate::{LocalError, Md5Digest, Reason, Target};

pub use super::exchange::Stage;

/// Longest body that [`GenhashOptions::verbose`] keeps in a [`Report`].
pub const BODY_LIMIT: usize = 16 << 20;

/// What to fetch; genhash's command line.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GenhashOptions {
    /// Address of the server (`-s`).
    pub server: IpAddr,
    /// Port (`-p`).
    pub port: u16,
    /// Request target (`-u`).
    pub path: String,
    /// `Host` header (`-V`); `None` = address and port.
    pub virtualhost: Option<String>,
    /// Version of the request (`-P`).
    pub protocol: Protocol,
    /// Longest time of one step: connect, first byte, each read (`-t`, 5 s).
    pub timeout: Duration,
    /// Longest time of the whole request (10 min); genhash itself has no such limit.
    pub total_timeout: Duration,
    /// Firewall mark (`-m`).
    pub mark: Option<u32>,
    /// Fetches over TLS (`-S`), without verifying the certificate.
    pub tls: bool,
    /// Sends [`virtualhost`](Self::virtualhost) as the server name of TLS (`-I`).
    pub sni: bool,
    /// Keeps header and body in the report (`-v`), the body up to [`BODY_LIMIT`].
    pub verbose: bool,
}

impl GenhashOptions {
    /// The mandatory three: `-s`, `-p`, `-u`.
    #[must_use]
    pub fn new(server: IpAddr, port: u16, path: impl Into<String>) -> Self {
        Self {
            server,
            port,
            path: path.into(),
            virtualhost: None,
            protocol: Protocol::Http10,
            timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(600),
            mark: None,
            tls: false,
            sni: false,
            verbose: false,
        }
    }
}

/// The answer of the server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The digest: what genhash prints.
    pub digest: Md5Digest,
    /// The header, with the empty line that ends it; empty unless verbose.
    pub header: Vec<u8>,
    /// The bytes the digest covers; empty unless verbose.
    pub body: Vec<u8>,
    /// Time from the start to the end of the answer ("Global response time").
    pub elapsed: Duration,
}

/// A reason why there is no digest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing, or nothing that has an end of a header within 4095 bytes.
    #[error("no data received from remote webserver")]
    NoData,
    /// The connection or the answer failed.
    #[error("{reason}")]
    Failed {
        /// The reason.
        reason: Reason,
        /// How far the exchange had come.
        stage: Stage,
    },
    /// This host could not send the request.
    #[error(transparent)]
    Local(LocalError),
}

/// Fetches a page and computes its digest.
///
/// # Errors
/// When there is no connection, or no answer, or it does not end within the limits. A status code
/// other than 200 is no error.
pub async fn run(options: &GenhashOptions) -> Result<Report, Error> {
    let started = Instant::now();
    let address = SocketAddr::new(options.server, options.port);
    let mut target = Target::new(address);
    if let Some(mark) = options.mark {
        target = target.with_mark(mark);
    }
    let request = request::request(
        &options.path,
        options.virtualhost.as_deref(),
        address,
        options.protocol,
    );
    let (mut header, mut body, mut hash) = (Vec::new(), Vec::new(), Md5::new());
    let on_head = |head: &Head<'_>| {
        if options.verbose {
            header.extend_from_slice(head.bytes);
        }
        Ok(())
    };
    let on_part = |part: Part<'_>| {
        hash.update(part.digested);
        if options.verbose {
            let room = BODY_LIMIT.saturating_sub(body.len());
            let room = room.min(part.digested.len());
            body.extend_from_slice(part.digested.get(..room).unwrap_or_default());
        }
    };
    let tls = options.tls.then(|| Security {
        request: TlsRequest {
            name: options.virtualhost.as_deref().filter(|_| options.sni),
            close_notify: false,
        },
        #[cfg(feature = "tls")]
        client: None,
    });
    let mut stage = Stage::default();
    let step = options.timeout;
    let fetch = connection::fetch(&target, tls, step, &request, &mut stage, on_head, on_part);
    match timeout(options.total_timeout, fetch).await {
        Ok(Ok(_)) => {}
        Ok(Err(Failure::Target(Reason::L7NoData | Reason::L7Invalid(_)))) => {
            return Err(Error::NoData);
        }
        Ok(Err(Failure::Target(reason))) => return Err(Error::Failed { reason, stage }),
        Ok(Err(Failure::Local(error))) => return Err(Error::Local(error)),
        Err(_) => {
            let reason = Reason::Timeout;
            return Err(Error::Failed { reason, stage });
        }
    }
    let digest = Md5Digest::new(hash.finalize().into());
    Ok(Report {
        digest,
        header,
        body,
        elapsed: started.elapsed(),
    })
}
