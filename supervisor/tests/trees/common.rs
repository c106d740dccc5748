//! A catalog of a few start functions, and trees of texts.

use proscenium_runtime::Context;
use proscenium_supervisor::process;
use proscenium_supervisor::tree::{Catalog, Tree, TreeFiles};
use serde::Deserialize;

/// Of a worker that is registered under a name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Till {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) drawer: u8,
    #[serde(default)]
    pub(crate) limits: Limits,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Limits {
    pub(crate) most: u32,
    pub(crate) least: u32,
}

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .start("till", |till: Till| {
            process(|mut ctx: Context<()>| async move { ctx.receive_message().await }).name(&till.name)
        })
        .start("clock", |(): ()| process(|mut ctx: Context<()>| async move { ctx.receive_message().await }))
        .start("count", |_from: u32| process(|mut ctx: Context<()>| async move { ctx.receive_message().await }))
}

/// The tree that a text describes.
pub(crate) fn tree(text: &str) -> Tree {
    catalog().read(&files(text)).unwrap()
}

/// What is wrong with a text, a mistake a line.
pub(crate) fn mistakes(text: &str) -> String {
    catalog().read(&files(text)).unwrap_err().to_string()
}

pub(crate) fn files(text: &str) -> TreeFiles {
    TreeFiles::new("t.ron").embed("t.ron", text)
}
