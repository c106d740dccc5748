//! Watching by way of async-io's reactor.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use async_channel::{Receiver, Sender};
use async_io::Async;
use futures_lite::future;

use super::{Interest, Ready, WatchError};
use crate::exit::ExitReason;
use crate::panic::{catch, drop_quietly};
use crate::pid::WatchRef;
use crate::process::Process;

/// What can be watched: anything that has a file descriptor.
///
/// # Examples
///
/// ```
/// use std::io::{PipeReader, PipeWriter, pipe};
///
/// use proscenium_runtime::{Context, Interest, Ready, System, WatchError, Watched};
///
/// /// Anything that has a file descriptor will do: one need not know what it is.
/// fn begin(ctx: &mut Context<Ready>, descriptor: &impl Watched) -> Result<(), WatchError> {
///     ctx.watch(descriptor, Interest::Writable, |ready| ready).map(drop)
/// }
///
/// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
///     let (_reader, writer): (PipeReader, PipeWriter) = pipe()?;
///     begin(&mut ctx, &writer)?;
///     assert!(ctx.receive_message().await.writable);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub trait Watched: AsFd {}

impl<T: AsFd> Watched for T {}

/// A watch, not yet running.
pub(super) struct Armed {
    /// Waits, sends, and waits to be armed again.
    pub(super) work: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Arms it again; dropping it ends the task.
    pub(super) rearm: Sender<()>,
}

pub(super) fn watch<M: Send + 'static>(
    descriptor: &impl Watched,
    interest: Interest,
    watch: WatchRef,
    process: Arc<Process<M>>,
    make: impl FnMut(Ready) -> M + Send + 'static,
) -> Result<Armed, WatchError> {
    let duplicate = descriptor.as_fd().try_clone_to_owned()?;
    // The owner decides whether its descriptor blocks: readiness can be waited for in any case.
    let source = Async::new_nonblocking(duplicate).map_err(explain)?;
    let (rearm, armed) = async_channel::bounded(1);
    let mut make = Maker(Some(make));
    let work = Box::pin(async move {
        while let Some(ready) = wait(&source, interest, watch, &armed).await {
            match catch(|| make.message(ready)) {
                Ok(message) => process.push_from_watch(watch, message),
                Err(panic) => process.crash(ExitReason::Panic(panic)),
            }
            if armed.recv().await.is_err() {
                return;
            }
        }
    });
    Ok(Armed { work, rearm })
}

/// Waits until the descriptor is ready; `None` if the watch is over before.
async fn wait(source: &Async<OwnedFd>, interest: Interest, watch: WatchRef, armed: &Receiver<()>) -> Option<Ready> {
    // An error is something to read or to write, too: the owner will find it.
    let mut read = pin!(source.readable());
    let mut write = pin!(source.writable());
    let ready = poll_fn(|cx| {
        let ready = Ready {
            watch,
            readable: interest != Interest::Writable && read.as_mut().poll(cx).is_ready(),
            writable: interest != Interest::Readable && write.as_mut().poll(cx).is_ready(),
        };
        if ready.readable || ready.writable { Poll::Ready(Some(ready)) } else { Poll::Pending }
    });
    let over = async {
        while armed.recv().await.is_ok() {}
        None
    };
    future::or(over, ready).await
}

/// What epoll and its kin refuse is what never blocks.
fn explain(error: io::Error) -> WatchError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => WatchError::Unsupported,
        _ => WatchError::Io(error),
    }
}

/// What makes a watch's messages. A worker drops it, outside any process: a panic of that must harm nobody.
struct Maker<F>(Option<F>);

impl<F> Maker<F> {
    fn message<M>(&mut self, ready: Ready) -> M
    where
        F: FnMut(Ready) -> M,
    {
        let make = self.0.as_mut().expect("it is taken away at the end only");
        make(ready)
    }
}

impl<F> Drop for Maker<F> {
    fn drop(&mut self) {
        let _ = drop_quietly(self.0.take());
    }
}
