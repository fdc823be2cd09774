// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket during a handover to a new process.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};

use super::client::{ClientError, PATIENCE, broken, connect, read_body, refusal, request};
use super::server::{ControlServer, PROTOCOL, ServeError};
use super::socket;

/// The listening control socket, for a new process.
#[derive(Debug)]
pub(crate) struct Listening {
    /// The listening socket.
    pub(crate) socket: OwnedFd,
    own: Arc<AtomicBool>,
}

impl Listening {
    /// Leaves the socket's file in place when this process ends.
    pub(crate) fn disown_file(&self) {
        self.own.store(false, Ordering::Relaxed);
    }
}

impl ControlServer {
    /// Uses the listening socket of the old process, which owns the file until [`own_file`].
    ///
    /// [`own_file`]: Self::own_file
    pub(crate) fn from_handover(socket: OwnedFd, path: &Path) -> Result<Self, ServeError> {
        let fail = |source| ServeError::Io {
            path: path.to_owned(),
            source,
        };
        let listener = std::os::unix::net::UnixListener::from(socket);
        listener.set_nonblocking(true).map_err(fail)?;
        Ok(Self {
            listener: UnixListener::from_std(listener).map_err(fail)?,
            path: path.to_owned(),
            own: Arc::new(AtomicBool::new(false)),
            file: socket::identity(path),
        })
    }

    /// Makes this process the owner of the socket's file.
    pub(crate) fn own_file(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// A duplicate of the listening socket, for a new process.
    pub(crate) fn listening(&self) -> Result<Listening, ServeError> {
        let socket = self.listener.as_fd().try_clone_to_owned();
        Ok(Listening {
            socket: socket.map_err(|source| ServeError::Io {
                path: self.path.clone(),
                source,
            })?,
            own: Arc::clone(&self.own),
        })
    }
}

/// Requests a handover from the daemon on `socket`, and returns the connection for its messages.
pub(crate) async fn request_handover(socket: &Path) -> Result<UnixStream, ClientError> {
    let upgraded = async {
        let stream = connect(socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let connection = tokio::spawn(connection.with_upgrades());
        let mut request = request(Method::POST, "/v1/handover");
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = read_body(response).await?;
            connection.abort();
            return Err(refusal(status, &body));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
        // The old process waits for the first message, so nothing can have been read ahead.
        let parts = upgraded.downcast::<TokioIo<UnixStream>>();
        parts
            .map(|parts| parts.io.into_inner())
            .map_err(|_| ClientError::Timeout)
    };
    tokio::time::timeout(PATIENCE, upgraded)
        .await
        .map_err(|_| ClientError::Timeout)?
}
