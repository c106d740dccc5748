//! Renders the book into `book/html`, once every link and every include in it leads somewhere and each page has its form.

#![allow(clippy::print_stdout, reason = "a command says what it made")]

use std::path::Path;
use std::process::ExitCode;

use mdbook_driver::MDBook;
use mdbook_driver::errors::Result;
use proscenium_book::{includes, links, pages};
use tracing_subscriber::filter::LevelFilter;

fn main() -> Result<ExitCode> {
    // What mdBook finds odd in a chapter, an HTML tag left open say, it only logs.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).without_time().init();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let src = folder.join("src");
    let links = links::check(&src)?.into_iter().map(|link| link.to_string());
    let wrong: Vec<String> = links.chain(includes::check(&src)?).chain(pages::check(&src)?).collect();
    if !wrong.is_empty() {
        for what in wrong {
            eprintln!("error: {what}");
        }
        return Ok(ExitCode::FAILURE);
    }

    let book = MDBook::load(folder)?;
    book.build()?;
    println!("{}", book.build_dir_for("html").join("index.html").display());
    Ok(ExitCode::SUCCESS)
}
