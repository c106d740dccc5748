//! Redis's glob patterns over bytes: `*`, `?`, `[abc]`, `[^a]`, `[a-z]` and `\x`.
//!
//! A match takes at most pattern length times text length steps: only the latest `*` is ever tried
//! again, since a shorter run for an earlier one cannot help where the latest fails.

/// Whether all of `text` matches `pattern`.
///
/// Malformed patterns mean what they mean to Redis: a class without its `]` ends with the pattern,
/// and a final `\` stands for itself.
pub(crate) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut retry = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            retry = Some((rest, text));
            pattern = rest;
        } else if let Some(rest) = match_first(pattern, text) {
            (pattern, text) = rest;
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else if let Some((after_star, [_, shorter @ ..])) = retry {
            retry = Some((after_star, shorter));
            (pattern, text) = (after_star, shorter);
        } else {
            return false;
        }
    }
}

/// What is left of both once the pattern's first item has matched the text's first byte.
fn match_first<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Option<(&'p [u8], &'t [u8])> {
    let (byte, text) = text.split_first()?;
    let (hit, pattern) = match pattern {
        [] => return None,
        [b'?', rest @ ..] => (true, rest),
        [b'[', b'^', class @ ..] => {
            let (hit, rest) = match_class(class, *byte);
            (!hit, rest)
        }
        [b'[', class @ ..] => match_class(class, *byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (literal == byte, rest),
    };
    hit.then_some((pattern, text))
}

/// Whether `byte` is in the class that `pattern` starts inside of, and the pattern after it.
fn match_class(mut pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let mut hit = false;
    loop {
        let (low, high, rest) = match pattern {
            [] => return (hit, pattern),
            [b']', rest @ ..] => return (hit, rest),
            [b'\\', literal, rest @ ..] => (literal, literal, rest),
            [low, b'-', high, rest @ ..] => (low.min(high), low.max(high), rest),
            [literal, rest @ ..] => (literal, literal, rest),
        };
        hit |= (*low..=*high).contains(&byte);
        pattern = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        for text in matching {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} and {text}");
        }
        for text in others {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} and not {text}");
        }
    }

    #[test]
    fn a_plain_pattern_matches_itself_only() {
        check("key", &["key"], &["", "ke", "keys", "Key", "xkey"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn a_star_matches_any_run() {
        check("*", &["", "a", "abc", "*"], &[]);
        check("a*c", &["ac", "abc", "abcbc"], &["a", "abcd", "bac"]);
        check("**a**", &["a", "bab"], &["", "b"]);
        check("user:*:name", &["user:1:name", "user::name:name"], &["user:name", "user:1:names"]);
    }

    #[test]
    fn a_question_mark_matches_one_byte() {
        check("h?llo", &["hello", "h?llo"], &["hllo", "heello"]);
        check("?*?", &["ab", "abc"], &["", "a"]);
        assert!(matches(b"?", b"\xff") && !matches(b"?", "é".as_bytes()));
    }

    #[test]
    fn a_class_matches_one_of_its_bytes() {
        check("[ab]c", &["ac", "bc"], &["c", "cc", "abc"]);
        check("[^ab]", &["c", "^"], &["a", "b", "", "cc"]);
        check("[a^]", &["a", "^"], &["b"]);
        check("[*?]", &["*", "?"], &["a", ""]);
        check("*[0-9]*", &["a1b", "7"], &["ab"]);
    }

    #[test]
    fn a_range_may_be_written_either_way() {
        check("[a-c]", &["a", "b", "c"], &["d", "-"]);
        check("[c-a]", &["a", "b", "c"], &["d", "-"]);
        check("[^a-cx]", &["d", "-"], &["b", "x"]);
        check("[-a]", &["-", "a"], &["b"]);
        assert!(matches(b"[\x80-\xff]", b"\x90"));
    }

    #[test]
    fn a_backslash_takes_the_next_byte_literally() {
        check("\\*", &["*"], &["a", "\\*"]);
        check("\\a\\\\", &["a\\"], &["a"]);
        check("[\\]\\-]", &["]", "-"], &["\\", "a"]);
        check("a\\", &["a\\"], &["a"]);
    }

    #[test]
    fn a_malformed_class_means_what_it_means_to_redis() {
        check("[ab", &["a", "b"], &["[", "ab", ""]);
        check("[", &[], &["", "[", "a"]);
        check("[]", &[], &["", "[]", "a"]);
        check("[^]", &["a", "]"], &["", "ab"]);
        check("[^", &["a", "^"], &["", "ab"]);
        check("[a-", &["a", "-"], &["b"]);
        check("[\\", &["\\"], &["["]);
    }

    #[test]
    fn a_pattern_of_many_stars_does_not_explode() {
        let text = [b'a'; 2_000];
        assert!(!matches(&b"a*".repeat(200), &[b'b'; 2_000]));
        assert!(!matches(&[b"*a".repeat(200).as_slice(), b"b"].concat(), &text));
        assert!(matches(&b"*a".repeat(2_000), &text));
        assert!(!matches(&b"*[a]?".repeat(2_000), &text));
    }
}
