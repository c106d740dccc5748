//! What becomes of what a command writes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use proscenium_runtime::{Address, SendError};
use slog::Level;

use super::framing::{Frame, Framing, Prefix};

const MEBIBYTE: usize = 1024 * 1024;

pub(super) type Taking = Pin<Box<dyn Future<Output = ()> + Send>>;
type Taker = Arc<dyn Fn(Frame) -> Taking + Send + Sync>;

/// What becomes of a standard output: how it is cut into frames, and who gets those.
///
/// By default it is raw, and 1 MiB of it is kept for the result.
#[derive(Clone)]
pub struct Output {
    pub(super) framing: Framing,
    pub(super) longest: usize,
    pub(super) keep: usize,
    pub(super) level: Option<Level>,
    pub(super) takers: Vec<Taker>,
}

impl Output {
    /// Frames are bytes as they come, at most 64 KiB at a time.
    pub fn raw() -> Self {
        Output::new(Framing::Raw, 64 * 1024)
    }

    /// Frames are lines, of at most 64 KiB: a longer one comes in several, all but the last of them marked as cut.
    pub fn lines() -> Self {
        Output::new(Framing::Until(b'\n'), 64 * 1024)
    }

    /// Frames end with a NUL, as those of `find -print0`; of at most 64 KiB, as lines.
    pub fn nul_terminated() -> Self {
        Output::new(Framing::Until(0), 64 * 1024)
    }

    /// Frames go after their length; of at most 1 MiB, beyond which the command [fails](super::CommandStatus::BadOutput).
    pub fn length_prefixed(prefix: Prefix) -> Self {
        Output::new(Framing::Prefixed(prefix), MEBIBYTE.min(prefix.longest()))
    }

    fn new(framing: Framing, longest: usize) -> Self {
        Output { framing, longest, keep: MEBIBYTE, level: None, takers: Vec::new() }
    }

    /// Sets how long a frame may be, in bytes.
    #[must_use]
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Keeps at most this much for the result, half of it from the beginning and half from the end; 1 MiB by default.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Logs each frame as text, with the command, its OS pid and the name of the stream.
    #[must_use]
    pub fn log(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Sends what `make` makes of each frame; to any number of processes.
    ///
    /// A [bounded](proscenium_runtime::Mailbox) mailbox that is full makes the command wait: its output is not read meanwhile. To
    /// a process that has ended frames are dead letters.
    #[must_use]
    pub fn to<M: Send + 'static>(
        mut self,
        address: &Address<M>,
        make: impl Fn(Frame) -> M + Send + Sync + 'static,
    ) -> Self {
        let address = address.clone();
        self.takers.push(Arc::new(move |frame| {
            let message = make(frame);
            let address = address.clone();
            Box::pin(async move {
                if let Err(SendError(message)) = address.send(message).await {
                    address.cast(message);
                }
            })
        }));
        self
    }

    /// As [`to`](Self::to), for frames that are values in JSON, such as [lines](Self::lines) of it.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn to_json<T, M>(
        self,
        address: &Address<M>,
        make: impl Fn(Result<T, serde_json::Error>) -> M + Send + Sync + 'static,
    ) -> Self
    where
        T: serde::de::DeserializeOwned,
        M: Send + 'static,
    {
        self.to(address, move |frame| make(serde_json::from_slice(&frame.bytes)))
    }
}

impl Default for Output {
    fn default() -> Self {
        Output::raw()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("framing", &self.framing)
            .field("longest", &self.longest)
            .field("keep", &self.keep)
            .field("level", &self.level)
            .field("takers", &self.takers.len())
            .finish()
    }
}
