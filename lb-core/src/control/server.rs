// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server side of the control API.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::connections::{Connections, Progress};
use super::spare::{Spares, is_exhausted};
use super::{InstanceRefusal, Request, socket};

/// The longest a connection may live, and a request may wait for the daemon.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait for the whole request of a connection.
const REQUEST: Duration = Duration::from_secs(5);

/// Pause before a connection is accepted again after a failure, and before spare descriptors are taken
/// again.
const RETRY: Duration = Duration::from_millis(100);

/// The protocol of the connection after `POST /v1/handover`.
pub(super) const PROTOCOL: &str = "lb-handover";

/// The control socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The kernel refused it.
    #[error("cannot listen on control socket {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// The error of the kernel.
        source: io::Error,
    },
    /// Something else than a socket has this name; it stays as it is.
    #[error("{} is not a socket, and is not replaced by one", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Another process listens there; its socket stays as it is.
    #[error("another process listens on control socket {}", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
}

/// A listening control socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct ControlServer {
    pub(super) listener: UnixListener,
    pub(super) path: PathBuf,
    /// Whether this process owns the socket's file and removes it.
    pub(super) own: Arc<AtomicBool>,
    /// Device and inode of the socket's file.
    pub(super) file: Option<(u64, u64)>,
}

impl ControlServer {
    /// Opens the socket at `path`, mode 0600, replacing the stale one of a process that has ended.
    ///
    /// # Errors
    /// [`ServeError`] when the socket cannot be made, when another process listens there, or when the
    /// file at `path` is none that may be replaced.
    pub fn bind(path: &Path) -> Result<Self, ServeError> {
        let listener = socket::listen(path)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            own: Arc::new(AtomicBool::new(true)),
            file: socket::identity(path),
        })
    }

    /// Serves requests until the daemon drops the receiver of `requests`.
    pub async fn serve(&self, requests: mpsc::Sender<Request>) {
        let mut connections = Connections::default();
        let mut spares = Spares::default();
        let mut is_failing = false;
        loop {
            connections.wait_for_room().await;
            spares.refill(&self.listener);
            if spares.is_full() && std::mem::take(&mut is_failing) {
                tracing::info!("control socket accepts again");
            }
            let stream = tokio::select! {
                accepted = self.accept(&mut spares) => match accepted {
                    Ok(stream) => stream,
                    Err(error) => {
                        if !std::mem::replace(&mut is_failing, true) {
                            tracing::warn!(%error, "control socket cannot accept");
                        }
                        // Descriptors of idle connections are the next to be used.
                        if !(is_exhausted(&error) && connections.close_idle().await) {
                            tokio::time::sleep(RETRY).await;
                        }
                        continue;
                    }
                },
                () = connections.ended(), if !spares.is_full() => continue,
                () = tokio::time::sleep(RETRY), if !spares.is_full() => continue,
                () = requests.closed() => return,
            };
            let requests = requests.clone();
            connections.spawn(|progress| serve_connection(stream, requests, progress));
        }
    }
}

impl ControlServer {
    /// Accepts a connection, with a spare descriptor if there is no other one. Cancel-safe.
    async fn accept(&self, spares: &mut Spares) -> io::Result<UnixStream> {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return Ok(stream),
                Err(error) if is_exhausted(&error) && spares.release() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        if !self.own.load(Ordering::Relaxed) {
            return;
        }
        // Another process may have made a socket of that name since.
        if self.file.is_none() || socket::identity(&self.path) != self.file {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "control socket already gone");
        }
    }
}

/// Serves one request.
async fn serve_connection(stream: UnixStream, requests: mpsc::Sender<Request>, progress: Progress) {
    let service = service_fn(move |request| {
        progress.set_requested();
        let requests = requests.clone();
        async move { Ok::<_, Infallible>(answer(request, &requests).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    match tokio::time::timeout(PATIENCE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "control connection ended"),
        Err(_) => tracing::debug!("control connection closed after {PATIENCE:?}"),
    }
}

type Answer = hyper::Response<Full<Bytes>>;

async fn answer(request: hyper::Request<Incoming>, requests: &mpsc::Sender<Request>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/status") => match ask(requests, Request::Status).await {
            Some(status) => json(StatusCode::OK, &status),
            None => unavailable(),
        },
        (&Method::POST, "/v1/reload") => match ask(requests, Request::Reload).await {
            Some(Ok(())) => json(StatusCode::OK, &serde_json::json!({ "reloaded": true })),
            Some(Err(findings)) => json(
                StatusCode::UNPROCESSABLE_ENTITY,
                &serde_json::json!({ "reloaded": false, "findings": findings }),
            ),
            None => unavailable(),
        },
        (&Method::POST, "/v1/upgrade") => match ask(requests, Request::Upgrade).await {
            Some(Ok(started)) => json(StatusCode::ACCEPTED, &started),
            Some(Err(reason)) => error(StatusCode::CONFLICT, &reason),
            None => unavailable(),
        },
        (&Method::POST, "/v1/handover") => begin_handover(request, requests),
        (_, "/v1/status" | "/v1/reload" | "/v1/upgrade" | "/v1/handover") => {
            error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
        }
        (method, path) => match instance_verb(path) {
            Some((instance, verb)) if *method == Method::POST => {
                answer_instance(instance, verb, requests).await
            }
            Some(_) => error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
            None => error(StatusCode::NOT_FOUND, "no such resource"),
        },
    }
}

/// Upgrades the connection from HTTP, and passes it to the daemon for the handover.
fn begin_handover(request: hyper::Request<Incoming>, requests: &mpsc::Sender<Request>) -> Answer {
    let protocol = request.headers().get(UPGRADE);
    if protocol.is_none_or(|protocol| protocol != PROTOCOL) {
        return error(
            StatusCode::UPGRADE_REQUIRED,
            "this is for lbctl run --upgrade",
        );
    }
    let requests = requests.clone();
    tokio::spawn(async move {
        let upgraded = match hyper::upgrade::on(request).await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "cannot upgrade the connection from HTTP"),
        };
        match upgraded.downcast::<TokioIo<UnixStream>>() {
            Ok(parts) => {
                // The first message may have arrived before the end of HTTP.
                let ahead = parts.read_buf.to_vec();
                let request = Request::Handover(parts.io.into_inner(), ahead);
                // A daemon that stops closes the connection.
                let _ = tokio::time::timeout(PATIENCE, requests.send(request)).await;
            }
            Err(_) => tracing::debug!("the connection is not of the control socket: closed"),
        }
    });
    let mut response = hyper::Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
    response
}

async fn answer_instance(instance: String, verb: Verb, requests: &mpsc::Sender<Request>) -> Answer {
    match verb {
        Verb::Resign => {
            let request = |reply| Request::Resign { instance, reply };
            asked(ask(requests, request).await)
        }
        Verb::Resume => {
            let request = |reply| Request::Resume { instance, reply };
            asked(ask(requests, request).await)
        }
    }
}

/// A request to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Resign,
    Resume,
}

/// The instance and the verb of `/v1/instances/NAME/VERB`; the name is percent-encoded.
fn instance_verb(path: &str) -> Option<(String, Verb)> {
    let (name, verb) = path.strip_prefix("/v1/instances/")?.split_once('/')?;
    let verb = match verb {
        "resign" => Verb::Resign,
        "resume" => Verb::Resume,
        _ => return None,
    };
    let name = percent_encoding::percent_decode_str(name).decode_utf8();
    Some((name.ok()?.into_owned(), verb))
}

/// The response for the outcome of such a request.
fn asked<T: serde::Serialize>(outcome: Option<Result<T, InstanceRefusal>>) -> Answer {
    match outcome {
        Some(Ok(done)) => json(StatusCode::OK, &done),
        Some(Err(refusal)) => {
            let status = match refusal {
                InstanceRefusal::Unknown(_) => StatusCode::NOT_FOUND,
                InstanceRefusal::State(_) => StatusCode::CONFLICT,
                InstanceRefusal::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            error(status, &refusal.to_string())
        }
        None => unavailable(),
    }
}

async fn ask<T>(
    requests: &mpsc::Sender<Request>,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let exchange = async {
        requests.send(request(reply)).await.ok()?;
        answer.await.ok()
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .ok()
        .flatten()
}

fn unavailable() -> Answer {
    error(
        StatusCode::SERVICE_UNAVAILABLE,
        "the daemon is stopping or busy",
    )
}

fn error(status: StatusCode, message: &str) -> Answer {
    json(status, &serde_json::json!({ "error": message }))
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Answer {
    // Serialising our own types cannot fail; an empty body would still carry the status.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = hyper::Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_of_instances_with_any_name() {
        let verb = |path| instance_verb(path);
        let name = |name: &str, verb| Some((name.to_owned(), verb));
        assert_eq!(
            verb("/v1/instances/VI_1/resign"),
            name("VI_1", Verb::Resign)
        );
        assert_eq!(
            verb("/v1/instances/%C3%A4%2F%20b/resume"),
            name("\u{e4}/ b", Verb::Resume)
        );
        for path in [
            "/v1/instances/VI_1",
            "/v1/instances/VI_1/drop",
            "/v1/instances/%FF/resign",
            "/v1/VI_1/resign",
        ] {
            assert_eq!(verb(path), None, "{path}");
        }
    }
}
