//! Replies, and how they and the numbers in requests are written.

use std::fmt;
use std::io::Write;

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
    /// It was done.
    pub(crate) const OK: Value = Value::Simple("OK");

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

fn push_line(out: &mut Vec<u8>, kind: char, content: impl fmt::Display) {
    write!(out, "{kind}{content}\r\n").expect("a Vec takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        let parse = |text: &str| parse_integer(text.as_bytes());
        assert_eq!(parse("-9223372036854775808"), Some(i64::MIN));
        assert_eq!((parse("0"), parse("10"), parse("-1")), (Some(0), Some(10), Some(-1)));
        for text in ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1x", "9223372036854775808"] {
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
