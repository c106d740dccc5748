//! The form of a page.
//!
//! Invariants:
//! - A chapter ends with what can still go wrong, and there leads to the next.
//! - A line of a program has room on a page of a common width, `theme/width.css`.
//! - A row of a table has as many cells as its head: a `|` within a cell is written `\|`.
//! - A place in `src/main.rs` that an output names is one where the program above it may panic.

use std::path::Path;
use std::{fs, io};

use crate::{includes, links, summary};

/// As many columns as a page shows without being moved.
const COLUMNS: usize = 110;

/// What is wrong with the form of the chapters of the book in the folder `src`.
///
/// # Errors
/// If `SUMMARY.md` or a chapter that it lists cannot be read.
pub fn check(src: &Path) -> io::Result<Vec<String>> {
    let summary = fs::read_to_string(src.join("SUMMARY.md"))?;
    let chapters: Vec<&str> = summary::chapters(&summary).collect();
    let mut wrong = Vec::new();
    for (number, file) in chapters.iter().enumerate() {
        let chapter = src.join(file);
        let text = fs::read_to_string(&chapter)?;
        let read = |path: &str| fs::read_to_string(chapter.with_file_name(path)).ok();
        let next = chapters.get(number + 1).copied();
        let told = [wide_lines(&text, read), odd_rows(&text), wrong_places(&text), bad_end(file, &text, next)];
        wrong.extend(told.into_iter().flatten().map(|what| format!("src/{file}: {what}")));
    }
    Ok(wrong)
}

/// The lines of programs, written here or included, that are too wide; `read` gives the text of a file.
fn wide_lines(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut wide = Vec::new();
    for line in program_lines(text) {
        let shown = match includes::target(line) {
            Some(include) => includes::text(include, &read).unwrap_or_default(),
            None if is_hidden(line) => continue,
            None => line.to_owned(),
        };
        let lines = shown.lines().filter(|line| line.chars().count() > COLUMNS);
        wide.extend(lines.map(|line| format!("wider than {COLUMNS} columns: {}", line.trim_start())));
    }
    wide
}

/// The rows of tables that have more or fewer cells than their heads.
fn odd_rows(text: &str) -> Vec<String> {
    let mut odd = Vec::new();
    let mut columns = None;
    for line in prose_lines(text) {
        columns = line.starts_with('|').then(|| columns.unwrap_or_else(|| cells(line)));
        if columns.is_some_and(|columns| columns != cells(line)) {
            odd.push(format!("another number of cells than in the head: {line}"));
        }
    }
    odd
}

/// How many cells a row has.
fn cells(row: &str) -> usize {
    row.replace(r"\|", "").matches('|').count() - 1
}

/// The places in `src/main.rs` at which nothing panics in the program that was shown last.
fn wrong_places(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut program: Vec<&str> = Vec::new();
    let mut before = None;
    for (language, line) in lines(text) {
        if language.is_some_and(|language| language.starts_with("rust")) {
            if before != language {
                program.clear();
            }
            program.extend((!is_hidden(line)).then_some(line));
        }
        before = language;
        let places = line.split("panicked at src/main.rs:").skip(1).filter(|place| !may_panic(&program, place));
        wrong.extend(places.map(|place| format!("nothing panics at {place}")));
    }
    wrong
}

/// Whether the program may panic at the place with which a text begins, `ROW:COLUMN:`.
fn may_panic(program: &[&str], place: &str) -> bool {
    let mut numbers = place.split(':').map_while(|number| number.parse::<usize>().ok()?.checked_sub(1));
    let (Some(row), Some(column)) = (numbers.next(), numbers.next()) else { return false };
    let there = program.get(row).and_then(|line| line.get(column..)).unwrap_or("");
    ["expect(", "unwrap(", "panic!", "assert"].iter().any(|call| there.starts_with(call))
}

/// Whether a page hides this line of a program.
fn is_hidden(line: &str) -> bool {
    line == "#" || line.starts_with("# ")
}

/// How the end of the chapter `file` differs from what is said above.
fn bad_end(file: &str, text: &str, next: Option<&str>) -> Vec<String> {
    let mut sections = prose_lines(text).filter(|line| line.starts_with("## "));
    let last_heading = sections.next_back().unwrap_or("");
    let last = text.rsplit("\n## ").next().unwrap_or("");
    let mut bad = Vec::new();
    if last_heading != "## What can still go wrong" {
        bad.push("it does not end with what can still go wrong".to_owned());
    }
    if let Some(next) = next.filter(|next| !links::of(file, last).iter().any(|link| link == next)) {
        bad.push(format!("its end does not lead to the next chapter, {next}"));
    }
    bad
}

/// The lines of programs in Rust.
fn program_lines(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter_map(|(language, line)| language?.starts_with("rust").then_some(line))
}

/// The lines outside of blocks of code.
fn prose_lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    lines(text).filter_map(|(language, line)| language.is_none().then_some(line))
}

/// Each line but the fences, with the language of the block that it is in.
fn lines(text: &str) -> impl DoubleEndedIterator<Item = (Option<&str>, &str)> {
    let mut lines = Vec::new();
    let mut block = None;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(language) => block = block.is_none().then_some(language),
            None => lines.push((block, line)),
        }
    }
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_this_book_has_its_form() -> io::Result<()> {
        assert_eq!(check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?, [""; 0]);
        Ok(())
    }

    #[test]
    fn a_line_of_a_program_that_is_too_wide_is_told_wherever_it_stands() {
        let wide = "x".repeat(COLUMNS + 1);
        let read = |_: &str| Some(format!("// ANCHOR: a\n{wide}\n// ANCHOR_END: a\nb\n"));
        let told = |text: &str| wide_lines(text, read).len();
        assert_eq!(told(&format!("```rust\n{wide}\n```\n")), 1);
        assert_eq!(told("```rust,ignore\n{{#include f.rs:a}}\n```\n"), 1);
        assert_eq!(told(&format!("```rust\n# {wide}\n{}\n```\n{wide}\n```text\n{wide}\n```\n", &wide[1..])), 0);
    }

    #[test]
    fn a_row_with_a_stroke_within_a_cell_is_told() {
        let table = |cell: &str| format!("| a | b |\n|---|---|\n| {cell} | d |\n\n| e |\n|---|\n");
        assert_eq!(odd_rows(&table(r"`f(\|c\| c)`")), [""; 0]);
        assert_eq!(odd_rows(&table("`f(|c| c)`")).len(), 1);
    }

    #[test]
    fn a_place_at_which_nothing_panics_is_told() {
        let page = |place: &str| {
            format!("```rust\n# // Hidden.\nfn main() {{\n    panic!();\n}}\n```\n```text\n{place}\n```\n")
        };
        assert_eq!(wrong_places(&page("panicked at src/main.rs:2:5: no")), [""; 0]);
        assert_eq!(wrong_places(&page("panicked at src/main.rs:3:5: no")).len(), 1);
        assert_eq!(wrong_places(&page("panicked at src/main.rs:2:50: no")).len(), 1);
    }

    #[test]
    fn an_end_that_leads_nowhere_is_told() {
        let end = |text: &str| bad_end("in/a.md", text, Some("in/b.md")).len();
        assert_eq!(end("# A\n\n## What can still go wrong\n\nNext: [b](b.md).\n"), 0);
        assert_eq!(end("# A\n[b](b.md)\n\n## What can still go wrong\n\nNothing.\n"), 1);
        assert_eq!(end("# A\n\n## More\n\nNext: [c](../b.md).\n"), 2);
    }
}
