// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connections of the control socket: a bounded number, of which those without a request give way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

/// Connections served at the same time; more wait in the listen queue.
const CONNECTIONS: usize = 32;

/// The connections that are served, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Connections(VecDeque<Connection>);

#[derive(Debug)]
struct Connection {
    task: JoinHandle<()>,
    progress: Progress,
}

/// Whether a connection has sent its request.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicBool>);

impl Progress {
    /// Marks the connection as one whose request has arrived.
    pub(super) fn set_requested(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connections {
    /// Serves a connection.
    pub(super) fn spawn<F>(&mut self, serve: impl FnOnce(Progress) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let progress = Progress::default();
        let task = tokio::spawn(serve(progress.clone()));
        self.0.push_back(Connection { task, progress });
    }

    /// Returns when another connection may be accepted. If there are too many, the oldest without a
    /// request is closed; if all have sent one, this waits for the end of one.
    pub(super) async fn wait_for_room(&mut self) {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() < CONNECTIONS {
            return;
        }
        let idle = self
            .0
            .iter()
            .position(|connection| !connection.progress.is_requested());
        if let Some(idle) = idle.and_then(|index| self.0.remove(index)) {
            idle.task.abort();
            return;
        }
        let tasks = self.0.iter_mut().map(|connection| &mut connection.task);
        // Each ends within its own limit.
        let _ = futures_util::future::select_all(tasks).await;
        self.0.retain(|connection| !connection.task.is_finished());
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        for connection in &self.0 {
            connection.task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn oldest_idle_connection_gives_way() {
        let mut connections = Connections::default();
        for number in 0..CONNECTIONS {
            connections.wait_for_room().await;
            connections.spawn(|progress| async move {
                if number == 0 {
                    progress.set_requested();
                }
                pending().await
            });
        }
        tokio::task::yield_now().await;
        connections.wait_for_room().await;
        assert_eq!(connections.0.len(), CONNECTIONS - 1);
        assert!(connections.0[0].progress.is_requested());
    }

    #[tokio::test]
    async fn connections_with_requests_are_waited_for() {
        let mut connections = Connections::default();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut ended = Some(ended);
        for _ in 0..CONNECTIONS {
            let ended = ended.take();
            connections.spawn(|progress| async move {
                progress.set_requested();
                match ended {
                    Some(ended) => drop(ended.await),
                    None => pending().await,
                }
            });
        }
        tokio::task::yield_now().await;
        end.send(()).unwrap();
        connections.wait_for_room().await;
        assert_eq!(connections.0.len(), CONNECTIONS - 1);
    }
}
