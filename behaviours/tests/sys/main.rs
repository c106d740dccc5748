//! What can be asked of any behaviour's process, whatever it does.

#[path = "../any_order/mod.rs"]
mod any_order;
mod common;

mod suspending;

mod looking;

mod watching;

mod stopping;

mod special;

mod threads;
