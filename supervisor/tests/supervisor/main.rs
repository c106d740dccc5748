//! What supervisors promise, as processes: on virtual time, in many orders of running.

mod common;
#[path = "../log/mod.rs"]
mod log;

mod starting;

mod machines;

mod restarting;

mod stopping;

mod requests;

mod updating;

mod reporting;

mod dynamic;

mod partitions;

mod tasks;

mod bridges;

mod storms;

mod simulation;

mod faults;

mod threads;

mod seen_elsewhere;
