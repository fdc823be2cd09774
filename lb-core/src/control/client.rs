// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client side of the control API.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::UnixStream;

use super::{Resignation, Resumption, Started, Status};

/// The longest an exchange with the daemon may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(35);

/// Why a request to the daemon failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No process listens on the control socket.
    #[error("no daemon answers on control socket {}", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// The error of the kernel.
        source: std::io::Error,
    },
    /// The user of this process may not use the socket.
    #[error(
        "permission denied on control socket {}: only the user of the daemon and root may use it",
        socket.display()
    )]
    Denied {
        /// The socket.
        socket: PathBuf,
    },
    /// The daemon did not answer in time.
    #[error("daemon did not answer within {PATIENCE:?}")]
    Timeout,
    /// The HTTP exchange failed.
    #[error("control connection broke")]
    Http(#[source] Box<dyn Error + Send + Sync>),
    /// The answer cannot be decoded.
    #[error("daemon's answer cannot be read")]
    Decode(#[from] serde_json::Error),
    /// The request cannot be carried out.
    #[error("{reason}")]
    Instance {
        /// The reason.
        reason: String,
    },
    /// The daemon refused, with its reasons.
    #[error("daemon answered {status}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Body as sent.
        body: String,
    },
}

pub(super) fn broken(error: hyper::Error) -> ClientError {
    ClientError::Http(error.into())
}

/// Asks the daemon on `socket` for its status.
///
/// # Errors
/// [`ClientError`]: no process listens, no answer in time, or an answer that cannot be read.
pub async fn status(socket: &Path) -> Result<Status, ClientError> {
    let body = exchange(socket, Method::GET, "/v1/status").await?;
    Ok(serde_json::from_slice(&body)?)
}

/// Asks the daemon on `socket` to read its configuration again.
///
/// # Errors
/// [`ClientError::Refused`] with the findings when the file has errors; the daemon then keeps
/// running as it was.
pub async fn reload(socket: &Path) -> Result<(), ClientError> {
    exchange(socket, Method::POST, "/v1/reload").await.map(drop)
}

/// Asks the daemon on `socket` to have a virtual router step down.
///
/// # Errors
/// [`ClientError::Instance`] if there is no such router or it is not master; nothing has changed
/// then.
pub async fn resign(socket: &Path, instance: &str) -> Result<Resignation, ClientError> {
    let body = ask_instance(socket, instance, "resign").await?;
    Ok(serde_json::from_slice(&body)?)
}

/// Asks the daemon on `socket` to have a virtual router preempt again after it stepped down.
///
/// # Errors
/// [`ClientError::Instance`] if there is no such router.
pub async fn resume(socket: &Path, instance: &str) -> Result<Resumption, ClientError> {
    let body = ask_instance(socket, instance, "resume").await?;
    Ok(serde_json::from_slice(&body)?)
}

/// Asks the daemon on `socket` to start a new process that replaces it: the program file as it is now,
/// with the arguments of the daemon. The process id in [`status`] shows when it has taken over.
///
/// # Errors
/// [`ClientError::Instance`] with the reason if it was not started.
pub async fn upgrade(socket: &Path) -> Result<Started, ClientError> {
    let answer = exchange(socket, Method::POST, "/v1/upgrade").await;
    Ok(serde_json::from_slice(&answer.map_err(reasoned)?)?)
}

async fn ask_instance(socket: &Path, instance: &str, verb: &str) -> Result<Bytes, ClientError> {
    let name = utf8_percent_encode(instance, NON_ALPHANUMERIC);
    let path = format!("/v1/instances/{name}/{verb}");
    let answer = exchange(socket, Method::POST, &path).await;
    answer.map_err(reasoned)
}

/// A refusal with the reason alone, where there is one.
fn reasoned(error: ClientError) -> ClientError {
    match error {
        ClientError::Refused { status, body } => match reason(&body) {
            Some(reason) => ClientError::Instance { reason },
            None => ClientError::Refused { status, body },
        },
        other => other,
    }
}

/// The `error` of an answer.
fn reason(body: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    body.get("error")?.as_str().map(ToOwned::to_owned)
}

async fn exchange(socket: &Path, method: Method, path: &str) -> Result<Bytes, ClientError> {
    tokio::time::timeout(PATIENCE, exchange_unbounded(socket, method, path))
        .await
        .map_err(|_| ClientError::Timeout)?
}

pub(super) async fn read_body(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = response.into_body().collect().await.map_err(broken)?;
    Ok(body.to_bytes())
}

/// The error for an answer that is not the expected one.
pub(super) fn refusal(status: StatusCode, body: &Bytes) -> ClientError {
    ClientError::Refused {
        status: status.as_u16(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

async fn exchange_unbounded(
    socket: &Path,
    method: Method,
    path: &str,
) -> Result<Bytes, ClientError> {
    let stream = connect(socket).await?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request(method, path)).await;
    let response = response.map_err(broken)?;
    let status = response.status();
    let body = read_body(response).await?;
    connection.abort();
    if matches!(status, StatusCode::OK | StatusCode::ACCEPTED) {
        Ok(body)
    } else {
        Err(refusal(status, &body))
    }
}

pub(super) async fn connect(socket: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(socket).await.map_err(|source| {
        let socket = socket.to_owned();
        match source.kind() {
            std::io::ErrorKind::PermissionDenied => ClientError::Denied { socket },
            _ => ClientError::Connect { socket, source },
        }
    })
}

pub(super) fn request(method: Method, path: &str) -> hyper::Request<Empty<Bytes>> {
    let mut request = hyper::Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    *request.uri_mut() = hyper::Uri::try_from(path).unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("lb"));
    request
}
