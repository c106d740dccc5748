//! What `GenStatem` promises, on virtual time and in many orders of running.

#[path = "../any_order/mod.rs"]
mod any_order;
mod common;

mod starting;

mod events;

mod entering;

mod timeouts;

mod ending;

mod looking;
