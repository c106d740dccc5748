//! What can be asked of any behaviour's process, whatever it does.

mod common;

mod suspending;

mod looking;

mod watching;

mod stopping;

mod special;

mod threads;
