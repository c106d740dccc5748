//! What goes out over a border.

use std::any::type_name;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::address::Whose;
use super::border::{Border, MAIN};
use super::carried::{Crossing, Way};
use super::error::CrossingError;
use super::frame::{self, Carried, Head, Kind};
use super::reply::Awaited;
use super::tables::Export;
use crate::address::Address;
use crate::any_process::{Delivery, WithControl};
use crate::exit::ExitReason;
use crate::links::Watching;
use crate::pid::{MonitorRef, Pid};
use crate::signal::Signal;

impl Border {
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn send<T: Serialize>(self: &Arc<Self>, kind: Kind, value: &T) -> Result<(), CrossingError> {
        let crossing = Crossing::new(self, Way::Out, Vec::new());
        let (encoded, crossing) = crossing.run(|| frame::encode(value, self.limit));
        let carried: Vec<_> = crossing.carried.into_iter().flatten().collect();
        let sent = encoded.and_then(|body| {
            let head = Head { kind, carried: carried.clone() };
            self.outbox.append(|bytes| frame::append(bytes, &head, &body, self.limit))
        });
        sent.map_err(|error| {
            self.undo(carried);
            name::<T>(error)
        })
    }

    /// What was carried does not cross after all.
    fn undo(&self, carried: Vec<Carried>) {
        for carried in carried {
            match carried {
                Carried::Reply(number) => drop(self.take_awaited(number)),
                Carried::Address(number, _) => self.take_back(number, 1),
                Carried::Unwanted | Carried::Yours(_) => {}
            }
        }
    }

    /// Sends a frame without a body.
    pub(super) fn push(&self, kind: Kind) {
        let head = Head { kind, carried: Vec::new() };
        if let Err(error) = self.outbox.append(|bytes| frame::append(bytes, &head, &[], self.limit)) {
            slog::warn!(self.system().logger(), "a signal does not cross"; "reason" => %error);
        }
    }

    /// From now on somebody here waits for an answer from over there; unless nobody does any more.
    pub(super) fn await_answer(&self, number: u64, awaited: Box<dyn Awaited>) -> Carried {
        let mut tables = self.tables.lock();
        if tables.is_closed {
            drop(tables);
            return Carried::Unwanted;
        }
        tables.awaited.insert(number, awaited);
        drop(tables);
        // Who gave up before it was in the table was not found there.
        let unwanted = self.take_awaited_if(number, |awaited| awaited.is_unwanted());
        if unwanted.is_some() { Carried::Unwanted } else { Carried::Reply(number) }
    }

    pub(super) fn take_awaited(&self, number: u64) -> Option<Box<dyn Awaited>> {
        self.tables.lock().awaited.remove(&number)
    }

    fn take_awaited_if(&self, number: u64, is_it: impl FnOnce(&dyn Awaited) -> bool) -> Option<Box<dyn Awaited>> {
        let mut tables = self.tables.lock();
        let found = tables.awaited.get(&number).is_some_and(|awaited| is_it(&**awaited));
        if found { tables.awaited.remove(&number) } else { None }
    }

    /// Makes an address one that somebody over there has.
    pub(super) fn export<M>(&self, address: &Address<M>, whose: Option<Whose>) -> Carried
    where
        M: Serialize + DeserializeOwned + Send + 'static,
    {
        let mut tables = self.tables.lock();
        let main = tables.exports.get(&MAIN).and_then(|main| main.address.as_any().downcast_ref::<Address<M>>());
        if main == Some(address) {
            return Carried::Yours(MAIN);
        }
        let known = whose.as_ref().and_then(|whose| tables.numbers.get(whose).copied());
        if let Some(number) = known
            && let Some(export) = tables.exports.get_mut(&number)
        {
            export.times += 1;
            return Carried::Address(number, address.into());
        }
        let number = self.next_number();
        let watched = match &whose {
            Some(Whose::Process(_, pid)) => Some((self.system().shared.next_monitor(), *pid)),
            _ => None,
        };
        let export = Export { address: Arc::new(address.clone()), whose: whose.clone(), times: 1, monitor: watched };
        tables.exports.insert(number, export);
        if let Some((monitor, _)) = watched {
            tables.monitors.insert(monitor, number);
        }
        if let Some(whose) = whose {
            tables.numbers.insert(whose, number);
        }
        drop(tables);
        self.watch(watched);
        Carried::Address(number, address.into())
    }

    /// Monitors in the owner's name.
    fn watch(&self, watched: Option<(MonitorRef, Pid)>) {
        let Some((monitor, pid)) = watched else { return };
        let owner = self.owner.process();
        let stands = owner.control(|control| control.begin_watching(Watching::new(monitor, pid)));
        if stands && self.system().shared.watch(pid, monitor, owner.clone()) == Delivery::Gone {
            owner.tell_down(monitor, ExitReason::NoProcess);
        }
    }

    pub(super) fn unwatch(&self, watched: Option<(MonitorRef, Pid)>) {
        let Some((monitor, pid)) = watched else { return };
        self.owner.process().control(|control| control.remove_watching(monitor));
        self.system().shared.signal(pid, Signal::Demonitor(monitor));
    }

    /// An address that has crossed so many times is not there any more.
    pub(super) fn take_back(&self, number: u64, times: u64) {
        let mut tables = self.tables.lock();
        let Some(export) = tables.exports.get_mut(&number).filter(|_| number != MAIN) else { return };
        export.times = export.times.saturating_sub(times);
        if export.times > 0 {
            return;
        }
        let export = tables.exports.remove(&number);
        if let Some(whose) = export.as_ref().and_then(|export| export.whose.as_ref()) {
            tables.numbers.remove(whose);
        }
        if let Some((monitor, _)) = export.as_ref().and_then(|export| export.monitor) {
            tables.monitors.remove(&monitor);
        }
        drop(tables);
        // What is dropped here may be the last address of somebody else's stand-in.
        self.unwatch(export.and_then(|export| export.monitor));
    }
}

/// A frame that is too large is so because of what it carries.
fn name<T>(error: CrossingError) -> CrossingError {
    match error {
        CrossingError::TooLarge { limit, .. } => CrossingError::TooLarge { type_name: type_name::<T>(), limit },
        error => error,
    }
}
