//! Where there are no file descriptors, nothing can be watched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use async_channel::Sender;

use super::{Interest, Ready, WatchError};
use crate::pid::WatchRef;
use crate::process::Process;

/// What can be watched: nothing, on this platform.
pub trait Watched {}

/// A watch, not yet running; there is none.
pub(super) struct Armed {
    pub(super) work: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(super) rearm: Sender<()>,
}

pub(super) fn watch<M: Send + 'static>(
    _descriptor: &impl Watched,
    _interest: Interest,
    _watch: WatchRef,
    _process: Arc<Process<M>>,
    _make: impl FnMut(Ready) -> M + Send + 'static,
) -> Result<Armed, WatchError> {
    Err(WatchError::Io(io::ErrorKind::Unsupported.into()))
}
