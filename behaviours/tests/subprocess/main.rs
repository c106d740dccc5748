//! Commands: real processes in real time, and what is left of them when they, their owner or the whole program dies.
#![cfg(unix)]

mod common;
mod faults;
mod inputs;
mod leftovers;
mod outputs;
mod runs;
mod servers;
mod victim;
