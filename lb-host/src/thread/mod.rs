// SPDX-License-Identifier: MIT OR Apache-2.0
//! Named threads, with a start that is confirmed or fails, and panics that are reported.

mod panic;

use std::error::Error;
use std::io;
use std::sync::mpsc as blocking;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

pub use self::panic::{Panic, catch, catch_future};

/// Most threads of a runtime for calls that block, for example in a file system that does not answer.
const BLOCKING_THREADS: usize = 32;
/// Longest time that the end of a runtime waits for calls that block.
const BLOCKING_END: Duration = Duration::from_secs(1);

/// A named thread. Dropping this detaches the thread.
///
/// A panic on the thread is logged with the thread's name and the text of the panic.
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
/// use lb_host::thread::{StartError, Thread};
/// use tokio::sync::mpsc;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StartError<Infallible>> {
/// let (thread, sender) = Thread::start_runtime("adder", Duration::from_secs(5), async || {
///     let (sender, mut numbers) = mpsc::channel::<u32>(8);
///     let run = async move {
///         let mut sum = 0;
///         while let Some(number) = numbers.recv().await {
///             sum += number;
///         }
///         assert_eq!(sum, 7);
///     };
///     Ok((sender, run))
/// })
/// .ready()
/// .await?;
/// for number in [3, 4] {
///     sender.send(number).await.ok();
/// }
/// drop(sender);
/// thread.join().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<()>,
    /// Completes, by the drop of its sender, at the end of the thread.
    ended: oneshot::Receiver<()>,
}

/// A thread that prepares itself; waited for with [`wait`](Self::wait) or [`ready`](Self::ready).
/// Dropped, the thread ends when it is ready.
#[derive(Debug)]
#[must_use]
pub struct Starting<T, E> {
    name: &'static str,
    limit: Duration,
    thread: io::Result<Thread>,
    outcome: blocking::Receiver<Result<T, StartError<E>>>,
    /// Completes, by the drop of its sender, when there is an outcome.
    reported: oneshot::Receiver<()>,
}

/// Why a thread did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError<E> {
    /// The thread could not be made.
    #[error("cannot start thread {name}")]
    Spawn {
        /// Name of the thread.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The runtime of the thread could not be made.
    #[error("cannot make the runtime of thread {name}")]
    Runtime {
        /// Name of the thread.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The thread could not prepare itself.
    #[error(transparent)]
    Prepare(E),
    /// The thread panicked while it prepared itself.
    #[error(transparent)]
    Panicked(#[from] Panic),
    /// The thread was not ready in time.
    #[error("thread {name} was not ready within {limit:?}")]
    TimedOut {
        /// Name of the thread.
        name: &'static str,
        /// The limit.
        limit: Duration,
    },
}

impl Thread {
    /// Starts a thread that runs `body`.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (alive, ended) = oneshot::channel();
        let handle = Builder::new().name(name.to_owned()).spawn(move || {
            log_panic(catch(body));
            drop(alive);
        })?;
        Ok(Self { handle, ended })
    }

    /// Starts a thread that calls `prepare`, reports the first part of the result, and then calls
    /// the second part.
    pub fn start<T, R, E, P>(name: &'static str, limit: Duration, prepare: P) -> Starting<T, E>
    where
        P: FnOnce() -> Result<(T, R), E> + Send + 'static,
        R: FnOnce(),
        T: Send + 'static,
        E: Error + Send + 'static,
    {
        Self::start_with(name, limit, || prepare().map_err(StartError::Prepare))
    }

    /// Starts a thread with a tokio runtime: `prepare` runs on it, the first part of the result is
    /// reported, and the second part is run to its end.
    pub fn start_runtime<T, R, E, P>(
        name: &'static str,
        limit: Duration,
        prepare: P,
    ) -> Starting<T, E>
    where
        P: AsyncFnOnce() -> Result<(T, R), E> + Send + 'static,
        R: Future<Output = ()>,
        T: Send + 'static,
        E: Error + Send + 'static,
    {
        Self::start_with(name, limit, move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .thread_name(name)
                .max_blocking_threads(BLOCKING_THREADS)
                .build()
                .map_err(|source| StartError::Runtime { name, source })?;
            let prepared = runtime.block_on(prepare());
            let (ready, run) = prepared.map_err(StartError::Prepare)?;
            let body = move || {
                log_panic(catch(|| runtime.block_on(run)));
                runtime.shutdown_timeout(BLOCKING_END);
            };
            Ok((ready, body))
        })
    }

    fn start_with<T, R, E, P>(name: &'static str, limit: Duration, prepare: P) -> Starting<T, E>
    where
        P: FnOnce() -> Result<(T, R), StartError<E>> + Send + 'static,
        R: FnOnce(),
        T: Send + 'static,
        E: Error + Send + 'static,
    {
        let (sender, outcome) = blocking::sync_channel(1);
        let (notify, reported) = oneshot::channel::<()>();
        let thread = Self::spawn(name, move || {
            let prepared = catch(prepare).unwrap_or_else(|panic| Err(panic.into()));
            let (report, run) = match prepared {
                Ok((ready, run)) => (Ok(ready), Some(run)),
                Err(error) => (Err(error), None),
            };
            let is_reported = sender.send(report).is_ok();
            drop(notify);
            if let Some(run) = run.filter(|_| is_reported) {
                run();
            }
        });
        Starting {
            name,
            limit,
            thread,
            outcome,
            reported,
        }
    }

    /// Waits for the end of the thread.
    pub async fn join(self) {
        // An error is the drop of the sender, after which the thread only has to exit.
        let _ = self.ended.await;
        // The body does not panic, because `spawn` catches that.
        let _ = self.handle.join();
    }
}

impl<T, E> Starting<T, E> {
    /// Blocks the calling thread until the thread is ready.
    ///
    /// # Errors
    /// [`StartError`] when the thread is not ready within the limit, or never will be.
    pub fn wait(self) -> Result<(Thread, T), StartError<E>> {
        // The channel closes without a report only if the thread was never started.
        let reported = self.outcome.recv_timeout(self.limit).ok();
        self.finish(reported)
    }

    /// Waits until the thread is ready.
    ///
    /// # Errors
    /// [`StartError`] when the thread is not ready within the limit, or never will be.
    pub async fn ready(mut self) -> Result<(Thread, T), StartError<E>> {
        let _ = timeout(self.limit, &mut self.reported).await;
        let reported = self.outcome.try_recv().ok();
        self.finish(reported)
    }

    fn finish(
        self,
        reported: Option<Result<T, StartError<E>>>,
    ) -> Result<(Thread, T), StartError<E>> {
        let Self { name, limit, .. } = self;
        let thread = self.thread;
        let thread = thread.map_err(|source| StartError::Spawn { name, source })?;
        let ready = reported.unwrap_or(Err(StartError::TimedOut { name, limit }))?;
        Ok((thread, ready))
    }
}

fn log_panic(ended: Result<(), Panic>) {
    if let Err(panic) = ended {
        error!("{panic}; please report this");
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::thread::current;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn named() -> String {
        current().name().unwrap().to_owned()
    }

    fn failing() -> Result<((), fn()), io::Error> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn panicking() -> Result<((), fn()), io::Error> {
        panic!("on purpose: {}", 7)
    }

    #[tokio::test]
    async fn a_thread_is_ready_then_runs_then_ends() {
        let (sender, ran) = blocking::channel();
        let prepare = move || Ok::<_, Infallible>((named(), move || sender.send(named()).unwrap()));
        let (thread, name) = Thread::start("t-sync", LIMIT, prepare).wait().unwrap();
        assert_eq!(name, "t-sync");
        assert_eq!(ran.recv(), Ok("t-sync".to_owned()));
        thread.join().await;

        let (sender, ran) = oneshot::channel();
        let prepare = async move || {
            // There is a runtime while it prepares itself, too.
            let ready = tokio::spawn(async { named() }).await.unwrap();
            Ok::<_, Infallible>((ready, async { sender.send(named()).unwrap() }))
        };
        let starting = Thread::start_runtime("t-async", LIMIT, prepare);
        let (thread, name) = starting.ready().await.unwrap();
        assert_eq!(name, "t-async");
        assert_eq!(ran.await, Ok("t-async".to_owned()));
        thread.join().await;
    }

    #[tokio::test]
    async fn errors_and_panics_before_the_thread_is_ready_are_returned() {
        for error in [
            Thread::start("t-error", LIMIT, failing).wait().unwrap_err(),
            Thread::start("t-error", LIMIT, failing)
                .ready()
                .await
                .unwrap_err(),
        ] {
            let StartError::Prepare(error) = error else {
                panic!("{error}");
            };
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
        for error in [
            Thread::start("t-panic", LIMIT, panicking)
                .wait()
                .unwrap_err(),
            Thread::start("t-panic", LIMIT, panicking)
                .ready()
                .await
                .unwrap_err(),
        ] {
            let text = "thread t-panic panicked: on purpose: 7";
            assert_eq!(error.to_string(), text);
        }
    }

    #[tokio::test]
    async fn a_thread_that_is_late_does_not_run() {
        let short = Duration::from_millis(10);
        for blocks in [true, false] {
            let (release, released) = blocking::channel::<()>();
            let (ran, runs) = blocking::channel::<()>();
            let starting = Thread::start("t-late", short, move || {
                let _ = released.recv();
                Ok::<_, Infallible>(((), move || ran.send(()).unwrap()))
            });
            let error = if blocks {
                starting.wait().unwrap_err()
            } else {
                starting.ready().await.unwrap_err()
            };
            assert_eq!(error.to_string(), "thread t-late was not ready within 10ms");
            drop(release);
            assert_eq!(runs.recv(), Err(blocking::RecvError));
        }
    }

    #[tokio::test]
    async fn a_panic_ends_a_thread() {
        let prepare = async || Ok::<_, Infallible>(((), async { panic!("on purpose") }));
        let starting = Thread::start_runtime("t-panic", LIMIT, prepare);
        let (thread, ()) = starting.ready().await.unwrap();
        timeout(LIMIT, thread.join()).await.unwrap();
        let panic = catch_future(async { panic!("on purpose") }).await;
        assert_eq!(
            panic.map_err(|panic: Panic| panic.message),
            Err::<(), _>("on purpose".to_owned())
        );
    }
}
