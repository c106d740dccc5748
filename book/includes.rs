//! Programs and outputs that a chapter takes from files, as mdBook does: `{{#include FILE}}`, or `{{#include FILE:ANCHOR}}` for
//! what stands between `ANCHOR: name` and `ANCHOR_END: name`.
//!
//! Invariants:
//! - What is included stands in a block of its own, and is compiled and run where it comes from. So a block of Rust that
//!   is an include says `ignore`, and no other does.

use std::path::Path;
use std::{fs, io};

use crate::summary;

/// What is wrong with the includes and the ignored blocks of the book in the folder `src`, chapter by chapter.
///
/// # Errors
/// If `SUMMARY.md` or a chapter that it lists cannot be read.
pub fn check(src: &Path) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for file in summary::chapters(&fs::read_to_string(src.join("SUMMARY.md"))?) {
        let chapter = src.join(file);
        let text = fs::read_to_string(&chapter)?;
        let read = |path: &str| fs::read_to_string(chapter.with_file_name(path)).ok();
        wrong.extend(mistakes(&text, read).into_iter().map(|(line, what)| format!("src/{file}:{line}: {what}")));
    }
    Ok(wrong)
}

/// The lines of a chapter in which something is wrong, and what; `read` gives the text of a file.
fn mistakes(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let mut mistakes = Vec::new();
    let mut before = "";
    for (number, line) in (1..).zip(text.lines()) {
        let include = target(line);
        let is_ignored = before.starts_with("```rust") && before.contains("ignore");
        if let Some(mistake) = include.and_then(|include| self::text(include, &read).err()) {
            mistakes.push((number, mistake));
        }
        if is_ignored && include.is_none() {
            mistakes.push((number, "a program is ignored that is not included".to_owned()));
        }
        if include.is_none() && line.contains("{{#") {
            mistakes.push((number, "an include stands in a line of its own".to_owned()));
        }
        before = line;
    }
    mistakes
}

/// What a line includes, if it does: `FILE` or `FILE:ANCHOR`.
pub(crate) fn target(line: &str) -> Option<&str> {
    line.strip_prefix("{{#include ")?.strip_suffix("}}")
}

/// The text that `include` stands for, or why there is none; `read` gives the text of a file.
pub(crate) fn text(include: &str, read: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (file, anchor) = include.split_once(':').map_or((include, None), |(file, anchor)| (file, Some(anchor)));
    let text = read(file).ok_or_else(|| format!("there is no file {file}"))?;
    let Some(anchor) = anchor else { return Ok(text) };
    let place = |mark: String| text.lines().position(|line| line.trim_start_matches(['/', '#', ' ']) == mark);
    match (place(format!("ANCHOR: {anchor}")), place(format!("ANCHOR_END: {anchor}"))) {
        (Some(begin), Some(end)) if begin < end => {
            Ok(text.lines().take(end).skip(begin + 1).map(|line| format!("{line}\n")).collect())
        }
        _ => Err(format!("{file} has no anchor {anchor}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_chapters_include_is_there_and_nothing_else_goes_untested() -> io::Result<()> {
        assert_eq!(check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?, [""; 0]);
        Ok(())
    }

    #[test]
    fn what_is_wrong_with_an_include_is_told() {
        let read = |file: &str| (file == "a.rs").then(|| "// ANCHOR: x\nfn x() {}\n// ANCHOR_END: x\n".to_owned());
        let told = |text: &str| mistakes(text, read).into_iter().map(|(_, what)| what).collect::<Vec<_>>().join("; ");
        assert_eq!(told("```rust,ignore\n{{#include a.rs:x}}\n```\n```text\n{{#include a.rs}}\n```\n"), "");
        assert_eq!(told("```rust,ignore\nfn x() {}\n```\n"), "a program is ignored that is not included");
        assert_eq!(told("{{#include a.rs:y}}\n"), "a.rs has no anchor y");
        assert_eq!(told("{{#include b.rs:x}}\n"), "there is no file b.rs");
        assert_eq!(told("see {{#include a.rs}}\n"), "an include stands in a line of its own");
    }
}
