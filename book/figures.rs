//! Makes the book's pictures anew from their texts, and names those that have changed.

#![allow(clippy::print_stdout, reason = "a command says what it made")]

use std::path::Path;
use std::{fs, io};

use proscenium_book::figure;

fn main() -> io::Result<()> {
    for (file, picture) in figure::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/figures"))? {
        if fs::read_to_string(&file).ok().as_ref() != Some(&picture) {
            fs::write(&file, picture)?;
            println!("{}", file.display());
        }
    }
    Ok(())
}
