//! The output that a command leaves: its beginning and its end, if all of it would be too much.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

/// What is kept of an output stream: all of it, or its head and its tail.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, Output};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("counting").run(|ctx: Context<()>| async move {
///     let count = Command::shell("seq 1 100000").stdout(Output::raw().keep(16));
///     let printed = count.run(ctx.system()).await?.stdout;
///     assert_eq!(printed.head(), b"1\n2\n3\n4\n");
///     assert_eq!(&*printed.tail(), b"\n100000\n");
///     assert_eq!(printed.len(), 588_895);
///     assert_eq!(printed.to_string(), "1\n2\n3\n4\n\n[588879 bytes left out]\n\n100000\n");
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    limit: usize,
    left_out: u64,
}

impl Kept {
    pub(super) fn new(limit: usize) -> Self {
        Kept { limit, ..Kept::default() }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        let room = (self.limit - self.limit / 2).saturating_sub(self.head.len());
        if room > 0 {
            let (head, rest) = bytes.split_at(room.min(bytes.len()));
            self.head.extend_from_slice(head);
            bytes = rest;
        }
        let most = self.limit / 2;
        let too_many = (self.tail.len() + bytes.len()).saturating_sub(most);
        self.left_out += too_many as u64;
        let of_tail = too_many.min(self.tail.len());
        self.tail.drain(..of_tail);
        self.tail.extend(&bytes[too_many - of_tail..]);
    }

    /// The bytes, if all are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let words = |keep| Command::new("echo").arg("hello").stdout(Output::raw().keep(keep));
    /// let output = block_on(words(100).run(&system)).unwrap().stdout;
    /// assert_eq!(output.whole().as_deref(), Some(&b"hello\n"[..]));
    /// assert_eq!(block_on(words(2).run(&system)).unwrap().stdout.whole(), None); // There was more.
    /// ```
    pub fn whole(&self) -> Option<Cow<'_, [u8]>> {
        (self.left_out == 0).then(|| self.join(b""))
    }

    /// The first bytes: at most half of what may be kept, rounded up.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The last bytes that are not in the head.
    pub fn tail(&self) -> Cow<'_, [u8]> {
        match self.tail.as_slices() {
            (tail, []) => Cow::Borrowed(tail),
            (first, second) => Cow::Owned([first, second].concat()),
        }
    }

    /// How many bytes between head and tail are not kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let words = Command::new("echo").arg("hello").stdout(Output::raw().keep(2));
    /// assert_eq!(block_on(words.run(&system)).unwrap().stdout.left_out(), 4); // Of six, an end among them.
    /// ```
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many bytes there were in all.
    pub fn len(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.left_out
    }

    /// Whether there was no output.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let result = block_on(Command::new("echo").arg("hello").run(&system)).unwrap();
    /// assert!(!result.stdout.is_empty() && result.stderr.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn join(&self, between: &[u8]) -> Cow<'_, [u8]> {
        if self.tail.is_empty() && between.is_empty() {
            return Cow::Borrowed(&self.head);
        }
        Cow::Owned([&self.head, between, &self.tail()].concat())
    }
}

/// As text, what is not UTF-8 replaced, with a line in place of what is left out.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = match self.left_out {
            0 => String::new(),
            bytes => format!("\n[{bytes} bytes left out]\n"),
        };
        f.write_str(&String::from_utf8_lossy(&self.join(between.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(limit: usize, pieces: &[&str]) -> (String, String, u64) {
        let mut kept = Kept::new(limit);
        pieces.iter().for_each(|piece| kept.push(piece.as_bytes()));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(kept.head()), text(&kept.tail()), kept.left_out())
    }

    #[test]
    fn all_is_kept_up_to_the_limit() {
        assert_eq!(kept(6, &["ab", "cd", "ef"]), ("abc".into(), "def".into(), 0));
        assert_eq!(kept(6, &["ab"]), ("ab".into(), "".into(), 0));
    }

    #[test]
    fn beyond_the_limit_the_middle_is_left_out() {
        assert_eq!(kept(6, &["abcdefg"]), ("abc".into(), "efg".into(), 1));
        assert_eq!(kept(5, &["abcdefg"]), ("abc".into(), "fg".into(), 2));
        assert_eq!(kept(0, &["abc"]), ("".into(), "".into(), 3));
    }

    #[test]
    fn how_it_comes_in_pieces_makes_no_difference() {
        let text: String = ('a'..='z').collect();
        for limit in 0..30 {
            let whole = kept(limit, &[&text]);
            for at in 0..=text.len() {
                let (left, right) = text.split_at(at);
                assert_eq!(kept(limit, &[left, right]), whole, "{limit} {at}");
            }
        }
    }
}
