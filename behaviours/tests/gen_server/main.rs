//! What `GenServer` promises, on virtual time and in many orders of running.

mod common;

mod starting;

mod handling;

mod calling;

mod ending;

mod reporting;

mod threads;
