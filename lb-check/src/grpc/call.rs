// SPDX-License-Identifier: MIT OR Apache-2.0
//! One call of gRPC over HTTP/2, with a request and a response of one message.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{self, SendRequest};
use http::{HeaderMap, Request, Response, StatusCode};

use super::fail;
use crate::outcome::Failure;
use crate::stream::{self, Stream};
use crate::{LocalError, Reason};

/// The most bytes of the body of a response: a message has two.
const LONGEST: usize = 1024;
/// The most bytes of the headers of a response.
const LONGEST_HEADERS: u32 = 16 * 1024;

/// The answer to a call.
#[derive(Debug)]
pub(super) struct Answer {
    /// `grpc-status`; 0 is OK.
    pub(super) status: u32,
    /// `grpc-message`.
    pub(super) message: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// Makes a call; `limit` is passed on to the server. The connection ends with the future.
pub(super) async fn call(
    stream: Stream,
    uri: &str,
    message: Vec<u8>,
    limit: Duration,
) -> Result<Answer, Failure> {
    let request = request(uri, limit)?;
    let handshake = client::Builder::new()
        .enable_push(false)
        .max_header_list_size(LONGEST_HEADERS)
        .handshake::<_, Bytes>(stream)
        .await;
    let (sender, connection) = handshake.map_err(|error| failure(&error))?;
    let mut exchange = pin!(exchange(sender, request, message));
    let mut connection = pin!(connection);
    let mut is_open = true;
    // Polled in this task: when the check is cancelled, nothing of the connection remains.
    loop {
        tokio::select! {
            biased;
            answer = &mut exchange => return answer,
            ended = &mut connection, if is_open => {
                is_open = false;
                ended.map_err(|error| failure(&error))?;
            }
        }
    }
}

fn request(uri: &str, limit: Duration) -> Result<Request<()>, Failure> {
    let request = Request::post(uri)
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("user-agent", "KeepAliveClient")
        .header(
            "grpc-timeout",
            format!("{}m", limit.as_millis().clamp(1, 99_999_999)),
        )
        .body(());
    request.map_err(|error| {
        let error = format!("no request can be made for {uri}: {error}");
        Failure::Local(LocalError::Other(error))
    })
}

async fn exchange(
    sender: SendRequest<Bytes>,
    request: Request<()>,
    message: Vec<u8>,
) -> Result<Answer, Failure> {
    let mut sender = sender.ready().await.map_err(|error| failure(&error))?;
    let sent = sender.send_request(request, false);
    let (response, mut outgoing) = sent.map_err(|error| failure(&error))?;
    let sent = outgoing.send_data(message.into(), true);
    sent.map_err(|error| failure(&error))?;
    let response = response.await.map_err(|error| failure(&error))?;
    check_head(&response)?;
    let (head, mut incoming) = response.into_parts();
    // An error may be in the first headers, without a body.
    if let Some((status, message)) = status(&head.headers)? {
        return Ok(Answer {
            status,
            message,
            body: Vec::new(),
        });
    }
    let body = read_body(&mut incoming).await?;
    let trailers = incoming.trailers().await.map_err(|error| failure(&error))?;
    match status(&trailers.unwrap_or_default())? {
        Some((status, message)) => Ok(Answer {
            status,
            message,
            body,
        }),
        None => Err(unexpected("no grpc-status")),
    }
}

/// Refuses what is no answer of gRPC, such as the page of a proxy.
fn check_head(response: &Response<RecvStream>) -> Result<(), Failure> {
    if response.status() != StatusCode::OK {
        return Err(fail(Reason::L7Status(response.status().as_u16())));
    }
    let kind = response.headers().get("content-type");
    let kind = kind.map(http::HeaderValue::as_bytes).unwrap_or_default();
    match kind.starts_with(b"application/grpc") {
        true => Ok(()),
        false => Err(unexpected(&format!(
            "content-type {}",
            Reason::excerpt(kind)
        ))),
    }
}

/// `grpc-status` and `grpc-message`, if they are there.
fn status(headers: &HeaderMap) -> Result<Option<(u32, Vec<u8>)>, Failure> {
    let Some(status) = headers.get("grpc-status") else {
        return Ok(None);
    };
    let number = status.to_str().ok().and_then(|text| text.parse().ok());
    let Some(number) = number else {
        let status = Reason::excerpt(status.as_bytes());
        return Err(unexpected(&format!("grpc-status {status}")));
    };
    let message = headers.get("grpc-message");
    let message = message.map(|message| message.as_bytes().to_vec());
    Ok(Some((number, message.unwrap_or_default())))
}

async fn read_body(incoming: &mut RecvStream) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data.map_err(|error| failure(&error))?;
        if body.len() + data.len() > LONGEST {
            return Err(fail(Reason::L7TooLong(LONGEST)));
        }
        body.extend_from_slice(&data);
    }
    Ok(body)
}

fn unexpected(what: &str) -> Failure {
    fail(Reason::L7Unexpected(what.to_owned()))
}

/// The failure for an error of HTTP/2 or of the connection under it.
fn failure(error: &h2::Error) -> Failure {
    match error.get_io() {
        Some(io) if io.kind() == ErrorKind::UnexpectedEof => fail(Reason::L7Closed),
        // The connection ended without an error of the system.
        Some(io) if io.kind() == ErrorKind::BrokenPipe && io.raw_os_error().is_none() => {
            fail(Reason::L7Closed)
        }
        Some(io) => stream::failure("HTTP/2", io),
        None => fail(Reason::L7Unexpected(error.to_string())),
    }
}
