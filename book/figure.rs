//! Pictures made from text.
//!
//! A picture of the book is a text in `src/figures`: `NAME.tree` or `NAME.flow`. Beside it stands what [`svg`] makes of it,
//! `NAME.svg`, which pages show. `cargo run -p proscenium-book --bin figures` makes all of them anew; a test compares.

mod canvas;
mod flow;
mod tree;

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The picture that a text describes; `kind` is how the name of its file ends.
///
/// A *tree* has one process in a line, indented by two spaces for each level, and what there is to say about it after
/// two spaces or more. In front of the name, `!` marks a process that ends and `+` one that is new. A line `# title` begins
/// another tree beside the one before.
///
/// A *flow* names its participants in the first line, with commas between; each other line is a step from one to another,
/// `a -> b: what`, or one at a single place, `a: what`.
///
/// # Errors
/// The line that cannot be read, and why.
pub fn svg(kind: &str, text: &str) -> Result<String, String> {
    match kind {
        "tree" => tree::svg(text),
        "flow" => flow::svg(text),
        _ => Err(format!("there are no pictures of kind {kind:?}")),
    }
}

/// The texts in the folder, each with the file of its picture and what should be in that.
///
/// # Errors
/// If a file cannot be read, or a text cannot be understood.
pub fn all(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(kind) = path.extension().and_then(|kind| kind.to_str()).filter(|kind| *kind != "svg") else {
            continue;
        };
        let picture = svg(kind, &fs::read_to_string(&path)?)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        pictures.push((path.with_extension("svg"), picture));
    }
    pictures.sort();
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_what_its_text_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/figures");
        let pictures = all(&folder).expect("the texts are good");
        assert_ne!(pictures.len(), 0);
        for (file, picture) in pictures {
            let there = fs::read_to_string(&file).unwrap_or_default();
            assert!(there == picture, "{}: run `cargo run -p proscenium-book --bin figures`", file.display());
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |kind, text| svg(kind, text).expect_err("it is wrong");
        assert_eq!(error("tree", "a\n    b\n"), "line 2: \"b\" is indented by more than one level");
        assert_eq!(error("tree", ""), "there is no process");
        assert_eq!(error("flow", "a, b\na -> c: x\n"), "line 2: there is no participant \"c\"");
        assert_eq!(error("flow", "a, b\na to b\n"), "line 2: neither `a -> b: what` nor `a: what`");
        assert_eq!(error("pie", ""), "there are no pictures of kind \"pie\"");
    }

    #[test]
    fn text_in_a_picture_is_escaped() {
        let picture = svg("tree", "a<b>  x & y\n").expect("it is good");
        assert!(picture.contains(">a&lt;b&gt;<") && picture.contains(">x &amp; y<"), "{picture}");
    }
}
