//! What bytes are taken for, however they were cut.

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
    check(PIPELINE, &[&["SET", "k", "a\r\nb"], &["PING", "a b"], &["ECHO", ""]]);
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
        assert_eq!(parse(&whole[..end], end), (vec![], None), "after {end} bytes");
    }
}

#[test]
fn empty_lines_and_arrays_are_skipped() {
    check(b"\r\n\n  \r\n*0\r\n*-1\r\n*-9\r\nPING\r\n", &[&["PING"]]);
}

#[test]
fn array_lengths_must_be_numbers_within_the_limit() {
    let too_long = format!("*{}", "1".repeat(MAX_HEADER));
    for line in ["*\r\n", "*x\r\n", "*+1\r\n", "*01\r\n", "*-0\r\n", "*1\n", "* 1\r\n"] {
        check_error(line, "Protocol error: invalid multibulk length");
    }
    for line in ["*1048577\r\n", "*1000000000\r\n", "*99999999999999999999\r\n", &too_long] {
        check_error(line, "Protocol error: invalid multibulk length");
    }
}

#[test]
fn bulk_lengths_must_be_numbers_within_the_limit() {
    let too_long = format!("${}", "1".repeat(MAX_HEADER));
    for line in ["$\r\n", "$-1\r\n", "$x\r\n", "$3\n", "$16777217\r\n", "$99999999999\r\n"] {
        check_error(format!("*1\r\n{line}"), "Protocol error: invalid bulk length");
    }
    check_error(format!("*1\r\n{too_long}"), "Protocol error: invalid bulk length");
}

#[test]
fn an_inline_command_must_balance_its_quotes() {
    check_error("ECHO \"a\r\n", "Protocol error: unbalanced quotes in request");
}

#[test]
fn an_array_holds_bulk_strings_only() {
    check_error("*1\r\nx", "Protocol error: expected '$', got 'x'");
    check_error("*1\r\n:1\r\n", "Protocol error: expected '$', got ':'");
    check_error("*1\r\n\r\n", "Protocol error: expected '$', got '\\r'");
}

#[test]
fn a_bulk_string_must_end_where_it_said() {
    check_error("*1\r\n$3\r\nGETS\r\n", "Protocol error: expected CRLF after bulk string");
    check_error("*1\r\n$3\r\nGET\n\n", "Protocol error: expected CRLF after bulk string");
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
    let expected = (vec![request(&["PING"])], Some(ProtocolError::ExpectedBulk(b'P')));
    assert_eq!(parse(b"PING\r\n*1\r\nPING\r\n", 100), expected);
}

#[test]
fn an_inline_command_ends_at_its_limit() {
    let longest = "x".repeat(MAX_INLINE);
    check(format!("{longest}\n").as_bytes(), &[&[&longest]]);
    check_error(format!("{longest}x"), "Protocol error: too big inline request");
    check_error(format!("{longest}x\n"), "Protocol error: too big inline request");
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
    assert_eq!(parse(wire.as_bytes(), 100_000), (vec![request(&[&body])], None));
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
