//! RESP2, the Redis protocol, as a server reads it: bytes in, requests out.
//!
//! Invariants:
//! - How the bytes were cut into chunks never changes what is parsed, nor which error ends it.
//! - Every byte is looked at a bounded number of times, even when bytes arrive one by one.
//! - Memory follows what arrived, never a length that was merely announced.

use std::fmt;
use std::mem;

use super::inline::{UnbalancedQuotes, split_words};
use super::value::parse_integer;

/// The most bytes one request may take on the wire.
pub(crate) const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// The most arguments one request may have, its name included.
pub(crate) const MAX_ARGUMENTS: usize = 1024 * 1024;
/// The longest inline command, without its line feed.
pub(crate) const MAX_INLINE: usize = 64 * 1024;

/// The longest line that can still announce a length.
const MAX_HEADER: usize = 32;
/// How much of its buffer a parser keeps between requests.
const KEPT_CAPACITY: usize = 64 * 1024;

/// A command's name and its arguments; never empty.
pub(crate) type Request = Vec<Vec<u8>>;

/// Turns the bytes of one connection into requests.
///
/// Takes arrays of bulk strings, as clients send them, and inline commands, as people type them.
/// Empty lines and empty arrays are skipped.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// Bytes received and not yet dropped.
    buffer: Vec<u8>,
    /// Where in the buffer the unparsed bytes start.
    start: usize,
    /// How many of the unparsed bytes are known to hold no line feed.
    scanned: usize,
    stage: Stage,
    /// What the request in progress has so far.
    arguments: Request,
    /// How many arguments it still lacks.
    missing: usize,
    /// How many bytes it took on the wire so far.
    size: usize,
}

impl Parser {
    /// Takes the next bytes of the connection.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole request, or `None` until more bytes are fed.
    ///
    /// To be called until it gives `None`: only then are parsed bytes dropped.
    ///
    /// # Errors
    /// A [`ProtocolError`] is final: where the next request starts is unknown, so every later call
    /// gives the same error.
    pub(crate) fn next_request(&mut self) -> Result<Option<Request>, ProtocolError> {
        loop {
            match self.step() {
                Ok(Step::Advanced) => {}
                Ok(Step::Finished(request)) => return Ok(Some(request)),
                Ok(Step::Starved) => {
                    self.compact();
                    return Ok(None);
                }
                Err(error) => {
                    self.stage = Stage::Broken(error);
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, ProtocolError> {
        match (self.stage, self.pending().first()) {
            (Stage::Broken(error), _) => Err(error),
            (_, None) => Ok(Step::Starved),
            (Stage::Request, Some(b'*')) => self.array_header(),
            (Stage::Request, Some(_)) => self.inline(),
            (Stage::Header, Some(b'$')) => self.bulk_header(),
            (Stage::Header, Some(&other)) => Err(ProtocolError::ExpectedBulk(other)),
            (Stage::Body(length), Some(_)) => self.bulk_body(length),
        }
    }

    fn array_header(&mut self) -> Result<Step, ProtocolError> {
        let Some(count) = self.header(ProtocolError::InvalidMultibulkLength)? else {
            return Ok(Step::Starved);
        };
        if count > MAX_ARGUMENTS as i64 {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        // A count of zero or less is an empty request to Redis, not an error.
        self.missing = usize::try_from(count).unwrap_or(0);
        match self.missing {
            0 => self.size = 0,
            _ => self.stage = Stage::Header,
        }
        Ok(Step::Advanced)
    }

    fn bulk_header(&mut self) -> Result<Step, ProtocolError> {
        let Some(length) = self.header(ProtocolError::InvalidBulkLength)? else {
            return Ok(Step::Starved);
        };
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= MAX_REQUEST)
            .ok_or(ProtocolError::InvalidBulkLength)?;
        if self.size + length + b"\r\n".len() > MAX_REQUEST {
            return Err(ProtocolError::RequestTooBig);
        }
        self.stage = Stage::Body(length);
        Ok(Step::Advanced)
    }

    fn bulk_body(&mut self, length: usize) -> Result<Step, ProtocolError> {
        let whole = length + b"\r\n".len();
        let Some(body) = self.pending().get(..whole) else {
            return Ok(Step::Starved);
        };
        let argument = body.strip_suffix(b"\r\n").ok_or(ProtocolError::UnterminatedBulk)?.to_vec();
        self.arguments.push(argument);
        self.consume(whole);
        self.missing -= 1;
        if self.missing > 0 {
            self.stage = Stage::Header;
            return Ok(Step::Advanced);
        }
        self.stage = Stage::Request;
        self.size = 0;
        Ok(Step::Finished(mem::take(&mut self.arguments)))
    }

    fn inline(&mut self) -> Result<Step, ProtocolError> {
        let Some(end) = self.line_end(MAX_INLINE, ProtocolError::InlineTooBig)? else {
            return Ok(Step::Starved);
        };
        let words = split_words(&self.pending()[..end]).map_err(|UnbalancedQuotes| ProtocolError::UnbalancedQuotes)?;
        self.consume(end + b"\n".len());
        self.size = 0;
        match words.is_empty() {
            true => Ok(Step::Advanced),
            false => Ok(Step::Finished(words)),
        }
    }

    /// Takes a line such as `*3` or `$12`, once it is there, and gives its number.
    fn header(&mut self, invalid: ProtocolError) -> Result<Option<i64>, ProtocolError> {
        let Some(end) = self.line_end(MAX_HEADER, invalid)? else {
            return Ok(None);
        };
        let digits = self.pending()[1..end].strip_suffix(b"\r").ok_or(invalid)?;
        let number = parse_integer(digits).ok_or(invalid)?;
        self.consume(end + b"\n".len());
        Ok(Some(number))
    }

    /// How many unparsed bytes precede the next line feed, once that is there.
    fn line_end(&mut self, limit: usize, too_long: ProtocolError) -> Result<Option<usize>, ProtocolError> {
        let pending = &self.buffer[self.start..];
        let fresh = &pending[self.scanned..];
        let end = fresh.iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at);
        self.scanned = end.unwrap_or(pending.len());
        if self.scanned > limit { Err(too_long) } else { Ok(end) }
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.size += count;
        self.scanned = 0;
    }

    fn compact(&mut self) {
        // Only when at most half is left to move, so that moving costs no more than parsing did.
        if self.start >= self.pending().len() {
            self.buffer.drain(..self.start);
            self.buffer.shrink_to(KEPT_CAPACITY);
            self.start = 0;
        }
    }
}

/// Why a connection's bytes are not RESP; the text belongs after `-ERR `.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    /// After `*` came no number, or more than [`MAX_ARGUMENTS`].
    InvalidMultibulkLength,
    /// After `$` came no number, a negative one, or more than [`MAX_REQUEST`].
    InvalidBulkLength,
    /// This byte came where a bulk string should start.
    ExpectedBulk(u8),
    /// A bulk string is longer than it announced.
    UnterminatedBulk,
    /// An inline command ends inside a quotation, or a word follows one without a space.
    UnbalancedQuotes,
    /// An inline command is longer than [`MAX_INLINE`].
    InlineTooBig,
    /// The parts of a request add up to more than [`MAX_REQUEST`].
    RequestTooBig,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            Self::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            Self::InvalidBulkLength => f.write_str("invalid bulk length"),
            Self::ExpectedBulk(got) => write!(f, "expected '$', got '{}'", got.escape_ascii()),
            Self::UnterminatedBulk => f.write_str("expected CRLF after bulk string"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
            Self::InlineTooBig => f.write_str("too big inline request"),
            Self::RequestTooBig => f.write_str("too big request"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// What the next byte belongs to.
#[derive(Debug, Default, Clone, Copy)]
enum Stage {
    #[default]
    Request,
    Header,
    Body(usize),
    Broken(ProtocolError),
}

enum Step {
    Advanced,
    Starved,
    Finished(Request),
}

#[cfg(test)]
mod tests;
