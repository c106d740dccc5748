//! Supervision trees in files: read, checked as a whole, started, and changed while they run.
//!
//! From a file to a running tree: [`TreeFiles`] are read into a draft (`files`, `draft`), in layers of partial
//! settings (`partial`) whose values know their places (`node`, `fields`). A [`Catalog`] makes a [`Tree`] of it
//! (`check`, `arguments`), or tells all [`Mistakes`]. A [`TreeRef`] runs a tree, and carries out the [`Plan`] from one
//! to another.

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
