//! RESP2, the Redis protocol: requests in, replies out.
//!
//! Invariants:
//! - How the bytes were cut into chunks never changes what is parsed, nor which error ends it.
//! - Every byte is looked at a bounded number of times, even when bytes arrive one by one.
//! - Memory follows what arrived, never a length that was merely announced.

use std::fmt;
use std::io::Write;
use std::mem;

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
        let argument = body
            .strip_suffix(b"\r\n")
            .ok_or(ProtocolError::UnterminatedBulk)?
            .to_vec();
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
        let words = split_words(&self.pending()[..end])?;
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
    fn line_end(
        &mut self,
        limit: usize,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let pending = &self.buffer[self.start..];
        let fresh = &pending[self.scanned..];
        let end = fresh
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| self.scanned + at);
        self.scanned = end.unwrap_or(pending.len());
        if self.scanned > limit {
            Err(too_long)
        } else {
            Ok(end)
        }
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

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A fixed word such as `OK`; must hold no line break.
    Simple(&'static str),
    /// An error, its kind first: `ERR syntax error`. Line breaks go out as spaces.
    Error(String),
    /// A number.
    Integer(i64),
    /// Bytes of any kind.
    Bulk(Vec<u8>),
    /// The absence of a value.
    Nil,
    /// Several replies in one.
    Array(Vec<Value>),
}

impl Value {
    /// Appends the reply as it goes over the wire.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::Simple(text) => push_line(out, '+', text),
            Value::Error(text) => push_line(out, '-', text.replace(['\r', '\n'], " ")),
            Value::Integer(number) => push_line(out, ':', number),
            Value::Bulk(bytes) => {
                push_line(out, '$', bytes.len());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Value::Nil => push_line(out, '$', -1),
            Value::Array(values) => {
                push_line(out, '*', values.len());
                values.iter().for_each(|value| value.encode(out));
            }
        }
    }
}

/// The number that `text` writes the one way Redis accepts: no `+`, no space, no leading zero.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let canonical = match text {
        b"0" | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => text,
        _ => return None,
    };
    str::from_utf8(canonical).ok()?.parse().ok()
}

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

fn push_line(out: &mut Vec<u8>, kind: char, content: impl fmt::Display) {
    write!(out, "{kind}{content}\r\n").expect("a Vec takes whatever is written to it");
}

/// Splits an inline command at its spaces, with quotes and escapes as in redis-cli.
fn split_words(line: &[u8]) -> Result<Request, ProtocolError> {
    let mut words = Request::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Ok(words)
}

fn take_word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), ProtocolError> {
    let mut word = Vec::new();
    loop {
        rest = match rest {
            [quote @ (b'"' | b'\''), after @ ..] => take_quoted(*quote, after, &mut word)?,
            [byte, after @ ..] if !byte.is_ascii_whitespace() => {
                word.push(*byte);
                after
            }
            _ => return Ok((word, rest)),
        };
    }
}

fn take_quoted<'a>(
    quote: u8,
    mut rest: &'a [u8],
    word: &mut Vec<u8>,
) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, after) = match (quote, rest) {
            (_, [end, after @ ..]) if *end == quote => break closed(after),
            (b'"', [b'\\', b'x', high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (nibble(*high) << 4 | nibble(*low), after)
            }
            (b'"', [b'\\', escaped, after @ ..]) => (unescape(*escaped), after),
            (b'\'', [b'\\', b'\'', after @ ..]) => (b'\'', after),
            (_, [byte, after @ ..]) => (*byte, after),
            (_, []) => break Err(ProtocolError::UnbalancedQuotes),
        };
        word.push(byte);
        rest = after;
    }
}

fn closed(after: &[u8]) -> Result<&[u8], ProtocolError> {
    match after.first() {
        Some(byte) if !byte.is_ascii_whitespace() => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(after),
    }
}

fn nibble(hex_digit: u8) -> u8 {
    match hex_digit {
        b'0'..=b'9' => hex_digit - b'0',
        letter => letter.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPELINE: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n\r\n*0\r\n*-1\r\n \
        PING 'a b' \r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n";

    /// All requests in `bytes` when they arrive `size` at a time, and the error that ended them.
    fn parse(bytes: &[u8], size: usize) -> (Vec<Request>, Option<ProtocolError>) {
        let mut parser = Parser::default();
        let mut requests = Vec::new();
        for chunk in bytes.chunks(size) {
            parser.feed(chunk);
            loop {
                match parser.next_request() {
                    Ok(Some(request)) => requests.push(request),
                    Ok(None) => break,
                    Err(error) => return (requests, Some(error)),
                }
            }
        }
        (requests, None)
    }

    fn request(words: &[&str]) -> Request {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &[&[&str]]) {
        let expected: Vec<Request> = expected.iter().map(|words| request(words)).collect();
        assert_eq!(parse(bytes, bytes.len()), (expected.clone(), None));
        assert_eq!(parse(bytes, 1), (expected, None));
    }

    #[track_caller]
    fn check_error(bytes: impl AsRef<[u8]>, text: &str) {
        for size in [1, 7, bytes.as_ref().len()] {
            let (requests, error) = parse(bytes.as_ref(), size);
            assert!(requests.is_empty(), "{requests:?}");
            assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn pipelined_requests_come_out_in_order() {
        check(
            PIPELINE,
            &[&["SET", "k", "a\r\nb"], &["PING", "a b"], &["ECHO", ""]],
        );
    }

    #[test]
    fn a_request_split_at_every_byte_parses_the_same() {
        let whole = parse(PIPELINE, PIPELINE.len());
        for size in 1..PIPELINE.len() {
            assert_eq!(parse(PIPELINE, size), whole, "in chunks of {size}");
        }
    }

    #[test]
    fn a_prefix_of_a_request_is_no_request_and_no_error() {
        let whole = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
        for end in 1..whole.len() {
            assert_eq!(
                parse(&whole[..end], end),
                (vec![], None),
                "after {end} bytes"
            );
        }
    }

    #[test]
    fn inline_words_may_be_quoted_and_escaped() {
        check(b"SET  key\tvalue\n", &[&["SET", "key", "value"]]);
        check(
            b"ECHO \"a\\x41\\n\\\"\\q\\xg\"\r\n",
            &[&["ECHO", "aA\n\"qxg"]],
        );
        check(b"ECHO 'it\\'s \\n' ''\r\n", &[&["ECHO", "it's \\n", ""]]);
    }

    #[test]
    fn empty_lines_and_arrays_are_skipped() {
        check(b"\r\n\n  \r\n*0\r\n*-1\r\n*-9\r\nPING\r\n", &[&["PING"]]);
    }

    #[test]
    fn quotes_must_close_before_a_space() {
        for line in [
            "ECHO \"a\r\n",
            "ECHO 'a\r\n",
            "ECHO \"a\"b\r\n",
            "ECHO 'a'b\n",
            "\"\\\n",
        ] {
            check_error(line, "Protocol error: unbalanced quotes in request");
        }
    }

    #[test]
    fn array_lengths_must_be_numbers_within_the_limit() {
        let too_long = format!("*{}", "1".repeat(MAX_HEADER));
        for line in [
            "*\r\n", "*x\r\n", "*+1\r\n", "*01\r\n", "*-0\r\n", "*1\n", "* 1\r\n",
        ] {
            check_error(line, "Protocol error: invalid multibulk length");
        }
        for line in [
            "*1048577\r\n",
            "*1000000000\r\n",
            "*99999999999999999999\r\n",
            &too_long,
        ] {
            check_error(line, "Protocol error: invalid multibulk length");
        }
    }

    #[test]
    fn bulk_lengths_must_be_numbers_within_the_limit() {
        let too_long = format!("${}", "1".repeat(MAX_HEADER));
        for line in [
            "$\r\n",
            "$-1\r\n",
            "$x\r\n",
            "$3\n",
            "$16777217\r\n",
            "$99999999999\r\n",
        ] {
            check_error(
                format!("*1\r\n{line}"),
                "Protocol error: invalid bulk length",
            );
        }
        check_error(
            format!("*1\r\n{too_long}"),
            "Protocol error: invalid bulk length",
        );
    }

    #[test]
    fn an_array_holds_bulk_strings_only() {
        check_error("*1\r\nx", "Protocol error: expected '$', got 'x'");
        check_error("*1\r\n:1\r\n", "Protocol error: expected '$', got ':'");
        check_error("*1\r\n\r\n", "Protocol error: expected '$', got '\\r'");
    }

    #[test]
    fn a_bulk_string_must_end_where_it_said() {
        check_error(
            "*1\r\n$3\r\nGETS\r\n",
            "Protocol error: expected CRLF after bulk string",
        );
        check_error(
            "*1\r\n$3\r\nGET\n\n",
            "Protocol error: expected CRLF after bulk string",
        );
    }

    #[test]
    fn an_error_is_final() {
        let mut parser = Parser::default();
        parser.feed(b"*1\r\n$-1\r\n");
        assert_eq!(parser.next_request(), Err(ProtocolError::InvalidBulkLength));
        parser.feed(b"PING\r\n");
        assert_eq!(parser.next_request(), Err(ProtocolError::InvalidBulkLength));
    }

    #[test]
    fn requests_before_an_error_are_still_given() {
        let expected = (
            vec![request(&["PING"])],
            Some(ProtocolError::ExpectedBulk(b'P')),
        );
        assert_eq!(parse(b"PING\r\n*1\r\nPING\r\n", 100), expected);
    }

    #[test]
    fn an_inline_command_ends_at_its_limit() {
        let longest = "x".repeat(MAX_INLINE);
        check(format!("{longest}\n").as_bytes(), &[&[&longest]]);
        check_error(
            format!("{longest}x"),
            "Protocol error: too big inline request",
        );
        check_error(
            format!("{longest}x\n"),
            "Protocol error: too big inline request",
        );
    }

    #[test]
    fn the_arguments_of_a_request_are_limited_together() {
        let half = MAX_REQUEST / 2;
        let mut parser = Parser::default();
        parser.feed(format!("*2\r\n${half}\r\n{}\r\n", "x".repeat(half)).as_bytes());
        assert_eq!(parser.next_request(), Ok(None));
        parser.feed(format!("${half}\r\n").as_bytes());
        assert_eq!(parser.next_request(), Err(ProtocolError::RequestTooBig));
    }

    #[test]
    fn a_request_of_the_largest_size_is_taken() {
        let body = "x".repeat(MAX_REQUEST - "*1\r\n$16777200\r\n\r\n".len());
        let wire = format!("*1\r\n${}\r\n{body}\r\n", body.len());
        assert_eq!(wire.len(), MAX_REQUEST);
        assert_eq!(
            parse(wire.as_bytes(), 100_000),
            (vec![request(&[&body])], None)
        );
    }

    #[test]
    fn announced_lengths_take_no_memory() {
        let mut parser = Parser::default();
        parser.feed(b"*1048576\r\n$16000000\r\n");
        assert_eq!(parser.next_request(), Ok(None));
        assert!(parser.buffer.capacity() < 1024 && parser.arguments.capacity() < 1024);
    }

    #[test]
    fn parsed_bytes_are_dropped() {
        let mut parser = Parser::default();
        parser.feed(format!("*1\r\n$1000000\r\n{}\r\nPI", "x".repeat(1_000_000)).as_bytes());
        assert!(matches!(parser.next_request(), Ok(Some(_))));
        assert_eq!(parser.next_request(), Ok(None));
        assert_eq!(parser.pending(), b"PI");
        assert!(parser.start == 0 && parser.buffer.capacity() <= KEPT_CAPACITY);
    }

    #[test]
    fn integers_have_one_spelling() {
        let parse = |text: &str| parse_integer(text.as_bytes());
        assert_eq!(parse("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(
            (parse("0"), parse("10"), parse("-1")),
            (Some(0), Some(10), Some(-1))
        );
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1x",
            "9223372036854775808",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn replies_are_encoded_as_redis_does() {
        let replies = Value::Array(vec![
            Value::Simple("OK"),
            Value::Error("ERR no\r\nway".into()),
            Value::Integer(-7),
            Value::Bulk(b"a\r\nb".to_vec()),
            Value::Nil,
            Value::Array(vec![]),
        ]);
        let mut out = b"before ".to_vec();
        replies.encode(&mut out);
        let expected = "before *6\r\n+OK\r\n-ERR no  way\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n*0\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
