// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request and its answer, by hyper.

use std::error::Error as _;
use std::fmt::Display;
use std::io;
use std::pin::pin;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{HttpCheck, HttpVersion};
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Stream, failure};
use crate::{LocalError, Reason, Target};

/// Longest header, and the buffer of a connection with HTTP/1, in bytes.
const BUFFER: usize = 16 << 10;
/// Most headers of an answer.
const HEADERS: usize = 100;
/// The window of HTTP/2: bytes that a server may send before they are read.
const WINDOW: u32 = 64 << 10;

/// Makes the exchange. Returns a warning about the certificate of the server.
pub(super) async fn run(check: &HttpCheck, target: &Target) -> Result<Option<String>, Failure> {
    let request = request(check, target).map_err(Failure::Local)?;
    let (stream, warning) = open(check, target).await?;
    let io = TokioIo::new(stream);
    // The state of a connection is large: other checks reserve no room for it.
    Box::pin(async {
        match check.version {
            HttpVersion::Http10 | HttpVersion::Http11 => {
                let (mut sender, connection) = http1::Builder::new()
                    .max_buf_size(BUFFER)
                    .max_headers(HEADERS)
                    .handshake(io)
                    .await
                    .map_err(|error| broken(&error))?;
                drive(connection, async {
                    let response = sender.send_request(request).await;
                    judge(check, response).await
                })
                .await
            }
            HttpVersion::Http2 => {
                let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(WINDOW)
                    .initial_connection_window_size(WINDOW)
                    .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
                    .handshake(io)
                    .await
                    .map_err(|error| broken(&error))?;
                drive(connection, async {
                    let response = sender.send_request(request).await;
                    judge(check, response).await
                })
                .await
            }
        }
    })
    .await?;
    Ok(warning)
}

/// Connects, over TLS if so. Returns the warning about the certificate, too.
async fn open(check: &HttpCheck, target: &Target) -> Result<(Stream, Option<String>), Failure> {
    let limit = check.connect_timeout;
    #[cfg(feature = "tls")]
    if let Some(tls) = &check.tls {
        let request = crate::stream::TlsRequest {
            name: tls.name.as_deref().or(check.virtualhost.as_deref()),
            close_notify: false,
        };
        let secured = Some((&tls.client, request));
        let stream = Stream::open_with(target, secured, limit, Close::Orderly).await?;
        let warning = tls.certificate_warning.and_then(|days| {
            let now = std::time::SystemTime::now();
            crate::stream::expiry_warning(stream.expiry()?, days, now)
        });
        return Ok((stream, warning));
    }
    let stream = Stream::open(target, None, limit, Close::Orderly).await?;
    Ok((stream, None))
}

fn request(check: &HttpCheck, target: &Target) -> Result<Request<Full<Bytes>>, LocalError> {
    let invalid = |error: &dyn Display| LocalError::Other(format!("invalid request: {error}"));
    let host = match &check.virtualhost {
        Some(host) => host.clone(),
        None => crate::http::host(target.address),
    };
    let is_http2 = check.version == HttpVersion::Http2;
    #[cfg(feature = "tls")]
    let scheme = if check.tls.is_some() { "https" } else { "http" };
    #[cfg(not(feature = "tls"))]
    let scheme = "http";
    let mut request = Request::builder().method(check.method.as_str());
    request = if is_http2 {
        request.uri(format!("{scheme}://{host}{}", check.path))
    } else {
        let version = match check.version {
            HttpVersion::Http10 => Version::HTTP_10,
            _ => Version::HTTP_11,
        };
        let request = request.version(version).uri(check.path.as_str());
        request.header(HOST, host).header(CONNECTION, "close")
    };
    let body = check.body.clone().unwrap_or_default();
    let request = request.body(Full::new(Bytes::from(body)));
    let mut request = request.map_err(|error| invalid(&error))?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static("lb-check"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in &check.headers {
        let name = name
            .parse::<HeaderName>()
            .map_err(|error| invalid(&error))?;
        let value = value
            .parse::<HeaderValue>()
            .map_err(|error| invalid(&error))?;
        headers.insert(name, value);
    }
    Ok(request)
}

/// Runs an exchange and its connection together. Both end with the exchange.
async fn drive<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    exchange: impl Future<Output = T>,
) -> T {
    let (mut connection, mut exchange) = (pin!(connection), pin!(exchange));
    tokio::select! {
        biased;
        ended = exchange.as_mut() => return ended,
        // The exchange reports what ended the connection.
        _ = connection.as_mut() => {}
    }
    exchange.await
}

async fn judge(
    check: &HttpCheck,
    response: Result<Response<Incoming>, hyper::Error>,
) -> Result<(), Failure> {
    let response = response.map_err(|error| broken(&error))?;
    let expectation = &check.expectation;
    let status = response.status().as_u16();
    let judged = expectation.judge_head(status, response.headers());
    judged.map_err(Failure::Target)?;
    let Some(mut body) = expectation.body() else {
        return Ok(());
    };
    let mut incoming = response.into_body();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(part) = frame.data_ref() else {
            continue; // Trailers.
        };
        if !body.add(part).map_err(Failure::Target)? {
            break;
        }
    }
    body.judge(check.connect_timeout).await
}

/// What an error of hyper means: one of the connection, or an answer that is not HTTP.
fn broken(error: &hyper::Error) -> Failure {
    let mut source = error.source();
    while let Some(cause) = source {
        // hyper has errors of this type, too, for what it cannot parse: they have no number.
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            match failure("receive", error) {
                Failure::Local(LocalError::Other(_)) => {}
                failure => return failure,
            }
        }
        source = cause.source();
    }
    Failure::Target(if error.is_incomplete_message() || error.is_closed() {
        Reason::L7NoData
    } else {
        let text: String = error.to_string().chars().take(80).collect();
        Reason::L7Unexpected(text)
    })
}
