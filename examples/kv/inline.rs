//! Inline commands: what a person types, split into words as redis-cli does it.

/// A quotation does not end, or a word follows one without a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnbalancedQuotes;

/// Splits an inline command at its spaces, with quotes and escapes as in redis-cli.
pub(crate) fn split_words(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Ok(words)
}

fn take_word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), UnbalancedQuotes> {
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

fn take_quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, after) = match (quote, rest) {
            (_, [end, after @ ..]) if *end == quote => break closed(after),
            (b'"', [b'\\', b'x', high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (nibble(*high) << 4 | nibble(*low), after)
            }
            (b'"', [b'\\', escaped, after @ ..]) => (unescape(*escaped), after),
            (b'\'', [b'\\', b'\'', after @ ..]) => (b'\'', after),
            (_, [byte, after @ ..]) => (*byte, after),
            (_, []) => break Err(UnbalancedQuotes),
        };
        word.push(byte);
        rest = after;
    }
}

fn closed(after: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match after.first() {
        Some(byte) if !byte.is_ascii_whitespace() => Err(UnbalancedQuotes),
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

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let words = split_words(line.as_bytes()).expect("its quotes are balanced");
        assert_eq!(words, expected.iter().map(|word| word.as_bytes()).collect::<Vec<_>>(), "{line:?}");
    }

    #[test]
    fn words_end_at_any_space() {
        check("SET  key\tvalue\r", &["SET", "key", "value"]);
        check("  \r", &[]);
    }

    #[test]
    fn words_may_be_quoted_and_escaped() {
        check("ECHO \"a\\x41\\n\\\"\\q\\xg\"", &["ECHO", "aA\n\"qxg"]);
        check("ECHO 'it\\'s \\n' ''", &["ECHO", "it's \\n", ""]);
    }

    #[test]
    fn quotes_must_close_before_a_space() {
        for line in ["ECHO \"a", "ECHO 'a", "ECHO \"a\"b", "ECHO 'a'b", "\"\\"] {
            assert_eq!(split_words(line.as_bytes()), Err(UnbalancedQuotes), "{line:?}");
        }
    }
}
