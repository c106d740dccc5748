//! What `GenStatem` promises, on virtual time and in many orders of running.

mod common;

mod starting;

mod events;

mod entering;

mod timeouts;

mod ending;

mod looking;
