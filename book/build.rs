//! Makes a module of every chapter, documented by the chapter, so that rustdoc tests the chapter's programs.

mod summary;

use std::fmt::Write;
use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=src/SUMMARY.md");
    let folder = env::var("OUT_DIR")?;
    let mut modules = String::new();
    for file in summary::chapters(&fs::read_to_string("src/SUMMARY.md")?) {
        let name = file.trim_end_matches(".md").replace(['/', '-'], "_");
        let mut chapter = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src").join(file);
        println!("cargo::rerun-if-changed={}", chapter.display());
        let text = fs::read_to_string(&chapter)?;
        if text.contains(INCLUDE) {
            chapter = Path::new(&folder).join(&name).with_extension("md");
            fs::write(&chapter, text.replace(INCLUDE, "```text\n{{#include"))?;
        }
        writeln!(modules, "#[doc = include_str!({chapter:?})]\nmod r#{name} {{}}")?;
    }
    fs::write(Path::new(&folder).join("chapters.rs"), modules)?;
    Ok(())
}

/// How a program begins that is compiled and run where it comes from. Here it would only be counted as ignored.
const INCLUDE: &str = "```rust,ignore\n{{#include";
