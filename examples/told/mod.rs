//! What an example's header says that it prints: its tests hold it to that.

/// The lines of the first block of text in the header of the program `example`.
pub(crate) fn told(example: &str) -> Vec<&str> {
    let header = example.lines().map_while(|line| line.strip_prefix("//!"));
    let text =
        header.map(|line| line.strip_prefix(' ').unwrap_or(line)).skip_while(|line| !line.starts_with("```text"));
    text.skip(1).take_while(|line| *line != "```").collect()
}
