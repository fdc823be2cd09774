// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connections of the control socket: a bounded number, of which those without a request give way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Connections served at the same time; more wait in the listen queue.
const CONNECTIONS: usize = 32;

/// The connections that are served, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Connections {
    served: VecDeque<Connection>,
    /// Notified when one ends.
    ended: Arc<Notify>,
}

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
        let (served, ended) = (serve(progress.clone()), Arc::clone(&self.ended));
        let task = tokio::spawn(async move {
            served.await;
            ended.notify_one();
        });
        self.served.push_back(Connection { task, progress });
    }

    /// Returns when another connection may be accepted. If there are too many, the oldest without a
    /// request is closed; if all have sent one, this waits for the end of one.
    pub(super) async fn wait_for_room(&mut self) {
        self.served
            .retain(|connection| !connection.task.is_finished());
        if self.served.len() < CONNECTIONS {
            return;
        }
        if let Some(idle) = self.take_idle() {
            idle.task.abort();
            return;
        }
        let tasks = self
            .served
            .iter_mut()
            .map(|connection| &mut connection.task);
        // Each ends within its own limit.
        let _ = futures_util::future::select_all(tasks).await;
        self.served
            .retain(|connection| !connection.task.is_finished());
    }
}

impl Connections {
    /// Waits until a connection ends; one that has ended since the last call counts. Cancel-safe.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Closes the oldest connection without a request; returns whether there was one.
    pub(super) async fn close_idle(&mut self) -> bool {
        let Some(idle) = self.take_idle() else {
            return false;
        };
        idle.task.abort();
        // Its descriptor is free when the task has ended.
        let _ = idle.task.await;
        true
    }

    fn take_idle(&mut self) -> Option<Connection> {
        let mut served = self.served.iter();
        let idle = served.position(|connection| {
            !(connection.progress.is_requested() || connection.task.is_finished())
        });
        self.served.remove(idle?)
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        for connection in &self.served {
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
        assert_eq!(connections.served.len(), CONNECTIONS - 1);
        assert!(connections.served[0].progress.is_requested());
    }

    #[tokio::test]
    async fn idle_connection_is_closed_for_its_descriptor_and_an_ended_one_is_noticed() {
        let mut connections = Connections::default();
        assert!(!connections.close_idle().await);
        let (held, released) = tokio::sync::oneshot::channel::<()>();
        connections.spawn(|_| async move {
            let _held = held;
            pending().await
        });
        assert!(connections.close_idle().await);
        assert!(
            released.await.is_err(),
            "what the connection held is dropped"
        );
        connections.spawn(|_| async {});
        connections.ended().await;
        assert!(!connections.close_idle().await);
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
        assert_eq!(connections.served.len(), CONNECTIONS - 1);
    }
}
