//! Makes a module of every chapter, documented by the chapter, so that rustdoc tests the chapter's programs.

mod summary;

use std::fmt::Write;
use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=src/SUMMARY.md");
    let mut modules = String::new();
    for file in summary::chapters(&fs::read_to_string("src/SUMMARY.md")?) {
        let name = file.trim_end_matches(".md").replace(['/', '-'], "_");
        writeln!(modules, r#"#[doc = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/{file}"))]"#)?;
        writeln!(modules, "mod r#{name} {{}}")?;
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("chapters.rs"), modules)?;
    Ok(())
}
