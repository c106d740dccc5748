//! What tasks promise, on virtual time and in many orders of running.

mod common;

mod awaiting;

mod ending;

mod many;

mod streams;
