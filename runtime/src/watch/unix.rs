//! Watching by way of async-io's reactor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use async_io::Async;
use futures_lite::future;

use super::{Interest, Ready, WatchError};
use crate::panic::catch;
use crate::pid::WatchRef;
use crate::process::Process;
use crate::scheduler::Task;

/// What can be watched: anything that has a file descriptor.
pub trait Watched: AsFd {}

impl<T: AsFd> Watched for T {}

/// A watch, not yet running.
pub(super) struct Armed {
    /// Waits, sends, and waits to be armed again.
    pub(super) task: Task,
    /// Arms it again; dropping it ends the task.
    pub(super) rearm: Sender<()>,
}

pub(super) fn watch<M: Send + 'static>(
    descriptor: &impl Watched,
    interest: Interest,
    watch: WatchRef,
    process: Arc<Process<M>>,
    mut make: impl FnMut(Ready) -> M + Send + 'static,
) -> Result<Armed, WatchError> {
    let duplicate = descriptor.as_fd().try_clone_to_owned()?;
    // The owner decides whether its descriptor blocks: readiness can be waited for in any case.
    let source = Async::new_nonblocking(duplicate).map_err(explain)?;
    let (rearm, armed) = async_channel::bounded(1);
    let task = Box::pin(async move {
        while let Some(ready) = wait(&source, interest, watch, &armed).await {
            match catch(|| make(ready)) {
                Ok(message) => process.push_from_watch(watch, message),
                Err(panic) => process.crash(panic),
            }
            if armed.recv().await.is_err() {
                return;
            }
        }
    });
    Ok(Armed { task, rearm })
}

/// Waits until the descriptor is ready; `None` if the watch is over before.
async fn wait(source: &Async<OwnedFd>, interest: Interest, watch: WatchRef, armed: &Receiver<()>) -> Option<Ready> {
    let readable = async {
        if interest == Interest::Writable {
            future::pending::<()>().await;
        }
        // An error is something to read, too: the owner will find it.
        let _ = source.readable().await;
        Some(Ready {
            watch,
            readable: true,
            writable: false,
        })
    };
    let writable = async {
        if interest == Interest::Readable {
            future::pending::<()>().await;
        }
        let _ = source.writable().await;
        Some(Ready {
            watch,
            readable: false,
            writable: true,
        })
    };
    let over = async {
        while armed.recv().await.is_ok() {}
        None
    };
    future::or(over, future::or(readable, writable)).await
}

/// What epoll and its kin refuse is what never blocks.
fn explain(error: io::Error) -> WatchError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => WatchError::Unsupported,
        _ => WatchError::Io(error),
    }
}
