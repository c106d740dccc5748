//! Where one piece of a stream ends and the next begins.
//!
//! Invariant: how the bytes come in pieces makes no difference to the frames.

/// How a stream of bytes is cut into frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// As the bytes come.
    #[default]
    Raw,
    /// Up to a byte, which is no part of the frame.
    Until(u8),
    /// Each frame after its length.
    Prefixed(Prefix),
}

/// How many bytes tell the length of a frame, the most significant first; OTP's `{packet, N}`.
///
/// # Examples
///
/// A command that speaks as an Erlang port with `{packet, 2}` does:
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, Input, InputError, Output, Prefix, Subprocess};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("port").run(|mut ctx: Context<Vec<u8>>| async move {
///     let frames = Output::length_prefixed(Prefix::Two).to(&ctx.address(), |frame| frame.bytes);
///     let echo = Command::new("cat").stdin(Input::messages().length_prefixed(Prefix::Two)).stdout(frames);
///     let echo = Subprocess::start(echo).link(&mut ctx).await?;
///     echo.write(b"two\nlines").await??;
///     assert_eq!(ctx.receive_message().await, b"two\nlines");
///     let error = echo.write(vec![0; 70_000]).await?.unwrap_err(); // More than two bytes can tell.
///     assert!(matches!(error, InputError::Frame(_)));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// One: up to 255 bytes.
    One,
    /// Two: up to 65,535 bytes.
    Two,
    /// Four: up to 4 GiB.
    Four,
}

/// A piece of a command's output.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, Frame, Output};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("office").run(|mut ctx: Context<Frame>| async move {
///     let short = Output::lines().max_frame(4).to(&ctx.address(), |frame| frame);
///     Command::shell("echo longer; echo now").stdout(short).run(ctx.system()).await?;
///     let frames = [ctx.receive_message().await, ctx.receive_message().await, ctx.receive_message().await];
///     let told = frames.map(|frame| (frame.text(), frame.is_cut));
///     assert_eq!(told, [("long".into(), true), ("er".into(), false), ("now".into(), false)]);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it says, without what ends it or tells its length.
    pub bytes: Vec<u8>,
    /// Whether the limit has cut it, and the next frame goes on where this one ends; OTP's `noeol`.
    pub is_cut: bool,
}

impl Frame {
    /// As text, what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A stream that is not what its framing says.
///
/// # Examples
///
/// ```
/// use futures_lite::future::block_on;
/// use proscenium_behaviours::subprocess::{Command, CommandStatus, FrameError, Output, Prefix};
/// use proscenium_runtime::System;
///
/// let system = System::new("port");
/// let liar = Command::shell(r"printf '\377\377\377\377'").stdout(Output::length_prefixed(Prefix::Four));
/// let result = block_on(liar.run(&system)).unwrap();
/// let CommandStatus::BadOutput(error) = result.status else { unreachable!("4 GiB are too much") };
/// assert_eq!(error, FrameError::TooLong { length: 4_294_967_295, limit: 1_048_576 });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame is longer than what is allowed.
    #[error("a frame of {length} bytes, where at most {limit} are allowed")]
    TooLong {
        /// The length that was told.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The stream ended within a frame.
    #[error("the stream ends {missing} bytes before the frame does")]
    Incomplete {
        /// How many bytes more there should have been.
        missing: usize,
    },
}

impl Framing {
    /// Whether a stream can be another than this says.
    pub(super) fn can_fail(self) -> bool {
        matches!(self, Framing::Prefixed(_))
    }
}

impl Prefix {
    fn width(self) -> usize {
        match self {
            Prefix::One => 1,
            Prefix::Two => 2,
            Prefix::Four => 4,
        }
    }

    /// The most that it can tell.
    pub(super) fn longest(self) -> usize {
        usize::try_from((1_u64 << (8 * self.width())) - 1).unwrap_or(usize::MAX)
    }
}

/// Cuts a stream.
#[derive(Debug)]
pub(super) struct Framer {
    framing: Framing,
    limit: usize,
    /// What no frame has taken yet.
    rest: Vec<u8>,
    /// How much of it was looked at, and has no end of a frame.
    seen: usize,
}

impl Framer {
    pub(super) fn new(framing: Framing, limit: usize) -> Self {
        Framer { framing, limit: limit.max(1), rest: Vec::new(), seen: 0 }
    }

    /// The frames that end with these bytes, and what is wrong after them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> (Vec<Frame>, Option<FrameError>) {
        self.rest.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut taken = 0;
        let error = loop {
            match self.next(taken) {
                Ok(Some((frame, length))) => {
                    frames.push(frame);
                    taken += length;
                    self.seen = 0;
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        self.rest.drain(..taken);
        (frames, error)
    }

    /// What is left when the stream has ended.
    pub(super) fn finish(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return Ok(None);
        }
        match self.framing {
            Framing::Raw | Framing::Until(_) => Ok(Some(Frame { bytes: rest, is_cut: false })),
            Framing::Prefixed(prefix) => {
                let width = prefix.width();
                let whole = rest.first_chunk_of(width).map_or(width, |length| width + length);
                Err(FrameError::Incomplete { missing: whole - rest.len() })
            }
        }
    }

    /// The frame that begins at `from`, and how many bytes it takes there.
    fn next(&mut self, from: usize) -> Result<Option<(Frame, usize)>, FrameError> {
        let rest = &self.rest[from..];
        let whole = |bytes: &[u8], length| Some((Frame { bytes: bytes.to_vec(), is_cut: false }, length));
        let cut = |bytes: &[u8]| Some((Frame { bytes: bytes.to_vec(), is_cut: true }, bytes.len()));
        Ok(match self.framing {
            Framing::Raw if rest.is_empty() => None,
            Framing::Raw => {
                let length = rest.len().min(self.limit);
                whole(&rest[..length], length)
            }
            Framing::Until(end) => match rest.iter().skip(self.seen).position(|byte| *byte == end) {
                Some(at) if self.seen + at <= self.limit => whole(&rest[..self.seen + at], self.seen + at + 1),
                Some(_) => cut(&rest[..self.limit]),
                None if rest.len() > self.limit => cut(&rest[..self.limit]),
                None => {
                    self.seen = rest.len();
                    None
                }
            },
            Framing::Prefixed(prefix) => {
                let width = prefix.width();
                let Some(length) = rest.first_chunk_of(width) else { return Ok(None) };
                if length > self.limit {
                    return Err(FrameError::TooLong { length, limit: self.limit });
                }
                rest.get(width..width + length).and_then(|bytes| whole(bytes, width + length))
            }
        })
    }
}

/// A frame as it goes out: with what ends it, or tells its length.
pub(super) fn encode(framing: Framing, bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
    match framing {
        Framing::Raw => Ok(bytes.to_vec()),
        Framing::Until(end) => Ok([bytes, &[end]].concat()),
        Framing::Prefixed(prefix) if bytes.len() > prefix.longest() => {
            Err(FrameError::TooLong { length: bytes.len(), limit: prefix.longest() })
        }
        Framing::Prefixed(prefix) => {
            let length = (bytes.len() as u64).to_be_bytes();
            Ok([&length[length.len() - prefix.width()..], bytes].concat())
        }
    }
}

/// Reads the number that the first bytes are.
trait FirstChunk {
    fn first_chunk_of(&self, width: usize) -> Option<usize>;
}

impl FirstChunk for [u8] {
    fn first_chunk_of(&self, width: usize) -> Option<usize> {
        let bytes = self.get(..width)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of `stream` as text, a `+` where one is cut; the stream comes in two pieces.
    fn frames(framing: Framing, limit: usize, stream: &[u8], at: usize) -> Result<Vec<String>, FrameError> {
        let mut framer = Framer::new(framing, limit);
        let (left, right) = stream.split_at(at);
        let mut frames = Vec::new();
        for piece in [left, right] {
            let (some, error) = framer.push(piece);
            frames.extend(some);
            error.map_or(Ok(()), Err)?;
        }
        frames.extend(framer.finish()?);
        Ok(frames.iter().map(|frame| frame.text() + if frame.is_cut { "+" } else { "" }).collect())
    }

    #[test]
    fn frames_are_the_same_however_the_stream_comes_in_pieces() {
        let lines = |limit, stream: &str, expected: &[&str]| {
            for at in 0..=stream.len() {
                let frames = frames(Framing::Until(b'\n'), limit, stream.as_bytes(), at).unwrap();
                assert_eq!(frames, expected, "{stream:?} at {at}");
            }
        };
        lines(10, "a\nbc\n", &["a", "bc"]);
        lines(10, "a\n\nlast", &["a", "", "last"]);
        lines(3, "abc\nabcd\nabcdefg", &["abc", "abc+", "d", "abc+", "def+", "g"]);
        lines(3, "", &[]);
    }

    #[test]
    fn a_length_comes_first_in_one_two_or_four_bytes() {
        for prefix in [Prefix::One, Prefix::Two, Prefix::Four] {
            let framing = Framing::Prefixed(prefix);
            let stream = ["one", "", "three"].map(|frame| encode(framing, frame.as_bytes()).unwrap()).concat();
            assert_eq!(stream.len(), 8 + 3 * prefix.width());
            for at in 0..=stream.len() {
                assert_eq!(frames(framing, 5, &stream, at).unwrap(), ["one", "", "three"]);
                let too_long = frames(framing, 4, &stream, at);
                assert_eq!(too_long, Err(FrameError::TooLong { length: 5, limit: 4 }));
            }
            let incomplete = frames(framing, 5, &stream[..stream.len() - 2], 0);
            assert_eq!(incomplete, Err(FrameError::Incomplete { missing: 2 }));
        }
        let too_long = encode(Framing::Prefixed(Prefix::One), &[0; 256]);
        assert_eq!(too_long, Err(FrameError::TooLong { length: 256, limit: 255 }));
    }

    #[test]
    fn raw_bytes_come_as_they_are_up_to_the_limit() {
        assert_eq!(frames(Framing::Raw, 4, b"abcdef", 0).unwrap(), ["abcd", "ef"]);
        assert_eq!(frames(Framing::Raw, 4, b"abcdef", 1).unwrap(), ["a", "bcde", "f"]);
    }
}
