//! The table of contents, `SUMMARY.md`: it alone says which files are chapters.

/// The chapters' files in reading order, relative to the folder of `summary`.
///
/// A chapter is a list item or a line of its own, `[Title](file.md)`; a draft, `[Title]()`, has no file yet.
pub(crate) fn chapters(summary: &str) -> impl Iterator<Item = &str> {
    summary.lines().filter_map(|line| {
        let entry = line.trim_start().trim_start_matches(['-', '*', ' ']);
        let (_title, file) = entry.strip_prefix('[')?.trim_end().strip_suffix(')')?.rsplit_once("](")?;
        (!file.is_empty()).then_some(file.trim_start_matches("./"))
    })
}

#[cfg(test)]
mod tests {
    use super::chapters;

    #[test]
    fn chapters_come_in_reading_order_and_drafts_are_left_out() {
        let summary = "# Summary\n\n[First](first.md)\n\n- [A [nested] title](a.md)\n  * [Below](./a/b.md)\n- [Draft]()\n\nProse.\n";
        assert!(chapters(summary).eq(["first.md", "a.md", "a/b.md"]));
    }
}
