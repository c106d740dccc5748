//! The Proscenium book, as tests.
//!
//! Every Rust block of every chapter that `src/SUMMARY.md` lists is a documentation test of this package: it is compiled
//! and run by `cargo test`, under rustdoc's rules for `no_run`, `should_panic`, `ignore` and hidden lines. The program
//! beside it, `render.rs`, makes the HTML.

pub mod figure;
pub mod includes;
pub mod links;
pub mod pages;
mod summary;

#[cfg(doctest)]
mod chapters {
    include!(concat!(env!("OUT_DIR"), "/chapters.rs"));
}
