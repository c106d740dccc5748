//! Renders the book into `book/html`, once every link in it leads somewhere.

#![allow(clippy::print_stdout, reason = "a command says what it made")]

use std::path::Path;
use std::process::ExitCode;

use mdbook_driver::MDBook;
use mdbook_driver::errors::Result;
use proscenium_book::links;
use tracing_subscriber::filter::LevelFilter;

fn main() -> Result<ExitCode> {
    // What mdBook finds odd in a chapter, an HTML tag left open say, it only logs.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).without_time().init();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let broken = links::check(&folder.join("src"))?;
    if !broken.is_empty() {
        for link in broken {
            eprintln!("error: {link}");
        }
        return Ok(ExitCode::FAILURE);
    }

    let book = MDBook::load(folder)?;
    book.build()?;
    println!("{}", book.build_dir_for("html").join("index.html").display());
    Ok(ExitCode::SUCCESS)
}
