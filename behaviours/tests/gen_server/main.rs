//! What `GenServer` promises, on virtual time and in many orders of running.

#[path = "../any_order/mod.rs"]
mod any_order;
mod common;

mod starting;

mod handling;

mod calling;

mod ending;

mod reporting;

mod threads;
