//! Supervision trees in files: read, checked as a whole, started, and changed while they run.
//!
//! From a file to a running tree: [`TreeFiles`] are read into a draft (`files`, `draft`), in layers of partial
//! settings (`partial`) whose values know their places (`node`, `fields`). A [`Catalog`] makes a [`Tree`] of it
//! (`check`, `arguments`), or tells all [`Mistakes`]. A [`TreeRef`] runs a tree, and carries out the [`Plan`] from one
//! to another.
//!
//! # Examples
//!
//! A file that is changed while the tree runs:
//!
//! ```
//! use proscenium_runtime::Context;
//! use proscenium_runtime::testing::TestSystem;
//!
//! # mod plant { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/plant.rs")); }
//! # use plant::*;
//! TestSystem::new(1).run(|mut ctx: Context<()>| async move {
//!     let tree = plant(r#"(children: [(id: "a", start: "worker", args: 1)])"#);
//!     let running = tree.start_link(&mut ctx).await.unwrap();
//!     let new = plant(r#"(children: [(id: "a", start: "worker", args: 1), (id: "b", start: "worker", args: 2)])"#);
//!     let done = running.reload(new).await.unwrap();
//!     assert_eq!(done.to_string(), "start /b"); // And nothing else: the first one has not noticed.
//! });
//! ```

pub(crate) mod mistake;
pub(crate) mod nearest;
pub(crate) mod node;

pub(crate) mod fields;
mod path;
mod words;

mod draft;
pub(crate) mod files;
mod partial;

pub(crate) mod arguments;
mod catalog;
mod check;
mod shape;

mod change;
mod live;
mod plan;
mod reload;

#[cfg(test)]
mod properties;

pub use catalog::Catalog;
pub use files::TreeFiles;
pub use live::TreeRef;
pub use mistake::{Mistake, Mistakes, Position, Problem};
pub use path::TreePath;
pub use plan::{Plan, Step, StepKind};
pub use reload::ReloadError;
pub use shape::Tree;
pub use words::duration;
