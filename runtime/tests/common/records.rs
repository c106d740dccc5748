//! Drains that tests look into.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use slog::{Drain, FlushError, KV, Key, Never, OwnedKVList, Record, Serializer};

use super::Gate;

/// Keeps each record as `LEVEL message key=value …`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records(Arc<Mutex<Vec<String>>>);

impl Records {
    /// All that were written, in order.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drain for Records {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, context: &OwnedKVList) -> Result<(), Never> {
        let mut text = Fields(format!("{} {}", record.level().as_short_str(), record.msg()));
        record.kv().serialize(record, &mut text).expect("a string takes all");
        context.serialize(record, &mut text).expect("a string takes all");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
        Ok(())
    }

    fn flush(&self) -> Result<(), FlushError> {
        Ok(())
    }
}

struct Fields(String);

impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }

    fn emit_none(&mut self, _key: Key) -> slog::Result {
        Ok(())
    }
}

/// Writes to [`Records`], each when a gate is open.
#[derive(Debug)]
pub(crate) struct Gated {
    records: Records,
    gate: Gate,
    reached: Sender<()>,
}

impl Gated {
    /// Also returns the records, the gate, and what tells each time that one is about to be written.
    pub(crate) fn new() -> (Self, Records, Gate, Receiver<()>) {
        let (records, gate) = (Records::default(), Gate::new());
        let (reached, at_the_gate) = async_channel::unbounded();
        (Gated { records: records.clone(), gate: gate.clone(), reached }, records, gate, at_the_gate)
    }
}

impl Drain for Gated {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, context: &OwnedKVList) -> Result<(), Never> {
        let _ = self.reached.try_send(());
        future::block_on(self.gate.passed());
        self.records.log(record, context)
    }

    fn flush(&self) -> Result<(), FlushError> {
        Ok(())
    }
}
