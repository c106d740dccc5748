//! Troupes: pools of workers that scale by themselves.

mod common;
mod failing;
mod holding;
mod jobs;
mod queueing;
mod scaling;

mod stopping;
mod thespian;

mod trees;
