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
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, Output};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
///     let output = Output::lines().keep(4).to(&ctx.address(), |line| line.text());
///     let result = Command::shell("echo one; echo two; echo three").stdout(output).run(ctx.system()).await?;
///     assert_eq!(ctx.receive_message().await, "one"); // All lines come,
///     assert_eq!((result.stdout.head(), &*result.stdout.tail()), (&b"on"[..], &b"e\n"[..])); // and little is kept.
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let zeros = Command::shell("head -c 100000 /dev/zero").stdout(Output::raw());
    /// let output = block_on(zeros.run(&system)).unwrap().stdout;
    /// assert_eq!((output.len(), output.left_out(), output.is_empty()), (100_000, 0, false));
    /// assert!(output.whole().is_some());
    /// ```
    pub fn raw() -> Self {
        Output::new(Framing::Raw, 64 * 1024)
    }

    /// Frames are lines, of at most 64 KiB: a longer one comes in several, all but the last of them marked as cut.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<usize>| async move {
    ///     let lengths = Output::lines().to(&ctx.address(), |line| line.bytes.len());
    ///     Command::shell("printf 'one\ntwenty\nlast'").stdout(lengths).run(ctx.system()).await?;
    ///     for length in [3, 6, 4] {
    ///         assert_eq!(ctx.receive_message().await, length); // The last line needs no end.
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn lines() -> Self {
        Output::new(Framing::Until(b'\n'), 64 * 1024)
    }

    /// Frames end with a NUL, as those of `find -print0`; of at most 64 KiB, as lines.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
    ///     let files = Output::nul_terminated().to(&ctx.address(), |file| file.text());
    ///     Command::shell(r"printf 'a name\0another\nname\0'").stdout(files).run(ctx.system()).await?;
    ///     assert_eq!(ctx.receive_message().await, "a name");
    ///     assert_eq!(ctx.receive_message().await, "another\nname");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn nul_terminated() -> Self {
        Output::new(Framing::Until(0), 64 * 1024)
    }

    /// Frames go after their length; of at most 1 MiB, beyond which the command [fails](super::CommandStatus::BadOutput).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output, Prefix};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("port").run(|mut ctx: Context<String>| async move {
    ///     let frames = Output::length_prefixed(Prefix::One).to(&ctx.address(), |frame| frame.text());
    ///     Command::shell(r"printf '\005hello\002ok'").stdout(frames).run(ctx.system()).await?;
    ///     assert_eq!(ctx.receive_message().await, "hello");
    ///     assert_eq!(ctx.receive_message().await, "ok");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn length_prefixed(prefix: Prefix) -> Self {
        Output::new(Framing::Prefixed(prefix), MEBIBYTE.min(prefix.longest()))
    }

    fn new(framing: Framing, longest: usize) -> Self {
        Output { framing, longest, keep: MEBIBYTE, level: None, takers: Vec::new() }
    }

    /// Sets how long a frame may be, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, CommandStatus, FrameError, Output, Prefix};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("port");
    /// let frames = Output::length_prefixed(Prefix::One).max_frame(4);
    /// let result = block_on(Command::shell(r"printf '\005hello'").stdout(frames).run(&system)).unwrap();
    /// let too_long = FrameError::TooLong { length: 5, limit: 4 };
    /// assert_eq!(result.status, CommandStatus::BadOutput(too_long)); // A line would have come in two frames.
    /// ```
    #[must_use]
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Keeps at most this much for the result, half of it from the beginning and half from the end; 1 MiB by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let quiet = Command::shell("seq 1000").stdout(Output::raw().keep(0));
    /// let output = block_on(quiet.run(&system)).unwrap().stdout;
    /// assert_eq!((output.len(), output.left_out()), (3_893, 3_893)); // It is known how much it was.
    /// ```
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Logs each frame as text, with the command, its OS pid and the name of the stream.
    ///
    /// # Examples
    ///
    /// To the logger of the system in which it runs:
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office"); // Which shows warnings and worse.
    /// let chatty = Command::shell("echo hello").stdout(Output::lines().log(slog::Level::Debug));
    /// assert!(block_on(chatty.run(&system)).unwrap().is_success());
    /// ```
    #[must_use]
    pub fn log(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Sends what `make` makes of each frame; to any number of processes.
    ///
    /// A [bounded](proscenium_runtime::Mailbox) mailbox that is full makes the command wait: its output is not read meanwhile. To
    /// a process that has ended frames are dead letters.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<(&str, String)>| async move {
    ///     let (one, two) = (ctx.address(), ctx.address());
    ///     let both = Output::lines().to(&one, |line| ("first", line.text())).to(&two, |line| ("second", line.text()));
    ///     Command::new("echo").arg("hello").stdout(both).run(ctx.system()).await?;
    ///     assert_eq!(ctx.receive_message().await, ("first", "hello".to_owned()));
    ///     assert_eq!(ctx.receive_message().await, ("second", "hello".to_owned()));
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::{Context, System};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Reading {
    ///     degrees: f64,
    /// }
    ///
    /// let outcome = System::new("weather").run(|mut ctx: Context<Option<f64>>| async move {
    ///     let read = |reading: Result<Reading, _>| Some(reading.ok()?.degrees);
    ///     let degrees = Output::lines().to_json(&ctx.address(), read);
    ///     let sensor = Command::shell(r#"echo '{"degrees": 21.5}'; echo 'out of order'"#);
    ///     sensor.stdout(degrees).run(ctx.system()).await?;
    ///     assert_eq!(ctx.receive_message().await, Some(21.5));
    ///     assert_eq!(ctx.receive_message().await, None);
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
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
