//! What a command reads.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_lite::Stream;

use super::framing::{Framing, Prefix};

/// A stream of pieces to be read by a command.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>;

/// What a command reads from its standard input.
#[derive(Clone)]
pub struct Input {
    pub(super) source: Source,
    pub(super) framing: Framing,
}

#[derive(Clone)]
pub(super) enum Source {
    Nothing,
    Bytes(Arc<[u8]>),
    Stream(Arc<dyn Fn() -> Pieces + Send + Sync>),
    Messages,
}

impl Input {
    /// Nothing: it is at its end from the beginning. The default.
    pub fn nothing() -> Self {
        Input::new(Source::Nothing)
    }

    /// These bytes, then the end.
    pub fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Input::new(Source::Bytes(bytes.as_ref().into()))
    }

    /// All that a stream has, then the end. `make` makes the stream for each start of the command.
    pub fn stream<S>(make: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: Stream<Item = Vec<u8>> + Send + 'static,
    {
        Input::new(Source::Stream(Arc::new(move || Box::pin(make()))))
    }

    /// What others [write](crate::subprocess::Subprocess::write), until it is
    /// [closed](crate::subprocess::Subprocess::close_input). A command that just [runs](crate::subprocess::Command::run) has
    /// nobody who writes: it reads nothing.
    pub fn messages() -> Self {
        Input::new(Source::Messages)
    }

    /// Each piece, written or of the stream, is a line.
    #[must_use]
    pub fn lines(mut self) -> Self {
        self.framing = Framing::Until(b'\n');
        self
    }

    /// Each piece, written or of the stream, ends with a NUL.
    #[must_use]
    pub fn nul_terminated(mut self) -> Self {
        self.framing = Framing::Until(0);
        self
    }

    /// Each piece, written or of the stream, goes after its length. One that is too long for that is refused or, if it is the
    /// stream's, ends the input.
    #[must_use]
    pub fn length_prefixed(mut self, prefix: Prefix) -> Self {
        self.framing = Framing::Prefixed(prefix);
        self
    }

    fn new(source: Source) -> Self {
        Input { source, framing: Framing::Raw }
    }
}

impl Default for Input {
    fn default() -> Self {
        Input::nothing()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Nothing => "nothing",
            Source::Bytes(_) => "bytes",
            Source::Stream(_) => "stream",
            Source::Messages => "messages",
        };
        f.debug_struct("Input").field("source", &source).field("framing", &self.framing).finish()
    }
}
