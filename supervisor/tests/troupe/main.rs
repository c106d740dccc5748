//! Troupes: pools of workers that scale by themselves.

mod common;
mod failing;
mod holding;
mod jobs;
mod queueing;
mod scaling;
mod simulation;
mod stopping;
mod thespian;
mod threads;
mod trees;
