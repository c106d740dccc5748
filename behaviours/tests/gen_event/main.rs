//! What event managers promise, on virtual time and in many orders of running.

mod common;

mod adding;

mod calling;

mod events;

mod failing;

mod looking;

mod owners;

mod swapping;
