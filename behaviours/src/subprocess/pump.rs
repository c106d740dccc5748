//! Moves what a command writes to who takes it, and what it shall read to the command.

use std::io::{self, Read};

use async_channel::{Receiver, Sender};
use async_io::{Async, IoSafe};
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};
use proscenium_runtime::{Reply, consume_budget};
use slog::{Level, Logger, Record, RecordLocation, RecordStatic, b, o};

use super::command::Command;
use super::framing::{self, Frame, FrameError, Framer};
use super::input::{Input, Source};
use super::kept::Kept;
use super::output::Output;
use super::running::Order;

/// Reads one of a command's outputs to its end.
pub(super) struct Pump<'a, T> {
    pipe: Async<T>,
    command: &'a Command,
    output: &'a Output,
    framer: Framer,
    logger: Option<Logger>,
    orders: &'a Sender<Order>,
    kept: Kept,
    /// What is wrong with the stream. No more frames are taken from it.
    fault: Option<FrameError>,
}

impl<'a, T: Read + IoSafe> Pump<'a, T> {
    pub(super) fn new(
        pipe: Async<T>,
        command: &'a Command,
        output: &'a Output,
        logger: Logger,
        orders: &'a Sender<Order>,
    ) -> Self {
        let framer = Framer::new(output.framing, output.longest);
        let logger = output.level.map(|_| logger);
        Pump { pipe, command, output, framer, logger, orders, kept: Kept::new(output.keep), fault: None }
    }

    /// Reads until nobody can write any more. A frame that is none stops the command.
    pub(super) async fn run(&mut self) {
        let mut buffer = vec![0; 8 * 1024];
        loop {
            consume_budget().await;
            let length = match self.pipe.read(&mut buffer).await {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A pipe that cannot be read has no more to say.
                Err(_) => break,
            };
            self.kept.push(&buffer[..length]);
            if self.fault.is_none() && self.has_readers() {
                self.hand_over(&buffer[..length]).await;
            }
        }
        if self.fault.is_none() {
            match self.framer.finish() {
                Ok(Some(frame)) => self.deliver(frame).await,
                Ok(None) => {}
                Err(error) => self.refuse(error),
            }
        }
    }

    /// What is kept so far, and what is wrong with the stream.
    pub(super) fn finish(self) -> (Kept, Option<FrameError>) {
        (self.kept, self.fault)
    }

    /// Whether anybody, be it we, looks at frames.
    fn has_readers(&self) -> bool {
        self.logger.is_some() || !self.output.takers.is_empty() || self.output.framing.can_fail()
    }

    async fn hand_over(&mut self, bytes: &[u8]) {
        let (frames, error) = self.framer.push(bytes);
        for frame in frames {
            self.deliver(frame).await;
        }
        if let Some(error) = error {
            self.refuse(error);
        }
    }

    async fn deliver(&self, frame: Frame) {
        if let (Some(logger), Some(level)) = (&self.logger, self.output.level) {
            log(logger, level, &self.command.censor(&frame.text()));
        }
        for take in &self.output.takers {
            take(frame.clone()).await;
        }
    }

    fn refuse(&mut self, error: FrameError) {
        self.fault = Some(error);
        // If nobody listens, the command has ended.
        let _ = self.orders.try_send(Order::Stop);
    }
}

/// A logger for one of a command's streams.
pub(super) fn stream_logger(logger: &Logger, command: &Command, os_pid: u32, stream: &'static str) -> Logger {
    logger.new(o!("stream" => stream, "os_pid" => os_pid, "command" => command.to_string()))
}

fn log(logger: &Logger, level: Level, text: &str) {
    static HERE: RecordLocation =
        RecordLocation { file: file!(), line: line!(), column: column!(), function: "", module: module_path!() };
    let fixed = RecordStatic { location: &HERE, tag: "", level };
    logger.log(&Record::new(&fixed, &format_args!("{text}"), b!()));
}

/// What others want written to a command.
pub(super) struct Writing {
    pub(super) bytes: Vec<u8>,
    pub(super) reply: Reply<Result<(), InputError>>,
}

/// Why a command was not given what was written to it.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, InputError, Subprocess};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
///     let deaf = Command::shell("exec sleep 3600"); // It reads no messages.
///     let deaf = Subprocess::start(deaf).link(&mut ctx).await?;
///     assert_eq!(deaf.write("hello").await?, Err(InputError::Closed));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// It reads no more, or it was to read something else, or its input was closed.
    #[error("the command does not read what is written to it")]
    Closed,
    /// It does not fit its framing.
    #[error("what is written to the command does not fit: {0}")]
    Frame(#[from] FrameError),
}

/// Writes all of a command's input, then closes it.
pub(super) async fn feed(
    mut pipe: Async<impl io::Write + IoSafe>,
    input: &Input,
    writings: &Receiver<Writing>,
) -> Result<(), InputError> {
    match &input.source {
        Source::Nothing => {}
        Source::Bytes(bytes) => write(&mut pipe, bytes).await?,
        Source::Stream(make) => {
            let mut pieces = make();
            while let Some(piece) = pieces.next().await {
                write(&mut pipe, &framing::encode(input.framing, &piece)?).await?;
            }
        }
        Source::Messages => {
            while let Ok(Writing { bytes, reply }) = writings.recv().await {
                reply.send(match framing::encode(input.framing, &bytes) {
                    Ok(frame) => write(&mut pipe, &frame).await,
                    Err(error) => Err(error.into()),
                });
            }
        }
    }
    Ok(())
}

/// Tells all who have written what will not be read.
pub(super) fn refuse(writings: &Receiver<Writing>) {
    writings.close();
    while let Ok(Writing { reply, .. }) = writings.try_recv() {
        reply.send(Err(InputError::Closed));
    }
}

async fn write(pipe: &mut Async<impl io::Write + IoSafe>, bytes: &[u8]) -> Result<(), InputError> {
    pipe.write_all(bytes).await.map_err(|_| InputError::Closed)
}
