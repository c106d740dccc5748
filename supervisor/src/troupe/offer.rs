//! A job that is offered to a troupe, until it is taken.

use std::time::{Duration, Instant};

use proscenium_runtime::Sleep;

use super::core::Terms;
use super::job::Payload;
use super::line::Turn;
use super::queue::JobId;

pub(super) struct Offer<M> {
    pub(super) terms: Terms,
    /// Until it is taken.
    pub(super) payload: Option<Payload<M>>,
    /// Its place in the line, while its sender waits for room.
    pub(super) turn: Option<Turn>,
}

/// How long its sender waits for what comes of it.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Never,
    After(Duration),
    At(Instant),
}

/// A job that was taken.
pub(super) struct Taken {
    pub(super) job: JobId,
    /// Nothing if its sender waits for ever.
    pub(super) waits_until: Option<WaitsUntil>,
}

/// Until when a sender waits, and how long that is.
pub(super) type WaitsUntil = (Sleep, Duration);

impl<M> Offer<M> {
    pub(super) fn new(terms: Terms, payload: Payload<M>) -> Self {
        Offer { terms, payload: Some(payload), turn: None }
    }

    /// It was refused: its sender has its message back.
    pub(super) fn refused(&mut self) -> M {
        self.take_message().expect("what is refused is still here")
    }

    /// Takes out its message, if it was not taken.
    pub(super) fn take_message(&mut self) -> Option<M> {
        self.payload.take()?.message
    }
}
