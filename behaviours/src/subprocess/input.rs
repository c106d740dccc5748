//! What a command reads.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_lite::Stream;

use super::framing::{Framing, Prefix};

/// A stream of pieces to be read by a command.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>;

/// What a command reads from its standard input.
///
/// # Examples
///
/// Each piece of a stream as a line, made anew whenever the command is started:
///
/// ```
/// use futures_lite::future::block_on;
/// use futures_lite::stream;
/// use proscenium_behaviours::subprocess::{Command, Input};
/// use proscenium_runtime::System;
///
/// let system = System::new("office");
/// let words = || stream::iter(["pear", "apple"]).map(Vec::from);
/// # use futures_lite::StreamExt;
/// let sorted = Command::new("sort").stdin(Input::stream(words).lines());
/// for _ in 0..2 {
///     assert_eq!(block_on(sorted.run(&system)).unwrap().stdout.to_string(), "apple\npear\n");
/// }
/// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Input};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let count = Command::new("wc").arg("-c").stdin(Input::nothing()); // As if it were not said.
    /// assert_eq!(block_on(count.run(&system)).unwrap().stdout.to_string().trim(), "0");
    /// ```
    pub fn nothing() -> Self {
        Input::new(Source::Nothing)
    }

    /// These bytes, then the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Input};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let count = Command::new("wc").arg("-c").stdin(Input::bytes([0, 255, 10]));
    /// assert_eq!(block_on(count.run(&system)).unwrap().stdout.to_string().trim(), "3");
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Input, Output, Subprocess};
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
    ///     let lines = Output::lines().to(&ctx.address(), |line| line.text());
    ///     let shout = Command::shell("while read -r line; do echo \"$line!\"; done").stdin(Input::messages().lines());
    ///     let shout = Subprocess::start(shout.stdout(lines)).link(&mut ctx).await?;
    ///     shout.write("hello").await??;
    ///     assert_eq!(ctx.receive_message().await, "hello!");
    ///     shout.close_input(); // It ends by itself.
    ///     assert_eq!(shout.address().exited().await, ExitReason::Normal);
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use futures_lite::{StreamExt, stream};
    /// use proscenium_behaviours::subprocess::{Command, Input};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let files = || stream::iter(["a name", "another\nname"]).map(Vec::from);
    /// let count = Command::shell("tr -cd '\\000' | wc -c").stdin(Input::stream(files).nul_terminated());
    /// assert_eq!(block_on(count.run(&system)).unwrap().stdout.to_string().trim(), "2"); // Whatever is in a name.
    /// ```
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
