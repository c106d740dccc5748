//! What comes in over a border.

use std::any::Any;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::address::Exported;
use super::border::Border;
use super::carried::{Crossing, Way};
use super::error::CrossingError;
use super::frame::{self, Carried, Kind};
use super::stand_in::{Abroad, Role, stand_in};
use super::tables::Import;
use crate::address::Address;
use crate::any_process::{AnyProcess, WithControl};
use crate::dead_letters::{DeadLetter, DeadReason};
use crate::exit::ExitReason;
use crate::pid::{Pid, Recipient};
use crate::process::Process;
use crate::slot::WeaklyOwed;
use crate::spawn::{SpawnOptions, Tie, spawn};

impl Border {
    /// Decodes a value. What was carried with it and is not in it goes back.
    pub(super) fn decode<T: DeserializeOwned>(
        self: &Arc<Self>,
        way: Way,
        carried: Vec<Carried>,
        body: &[u8],
    ) -> Result<T, CrossingError> {
        let (decoded, crossing) = Crossing::new(self, way, carried).run(|| frame::decode(body));
        self.give_back(crossing.carried.into_iter().flatten());
        decoded.map_err(|error| match (error, crossing.fault) {
            (CrossingError::Unreadable { type_name, .. }, Some(cause)) => {
                CrossingError::Unreadable { type_name, cause }
            }
            (error, _) => error,
        })
    }

    fn give_back(&self, carried: impl Iterator<Item = Carried>) {
        for carried in carried {
            match carried {
                Carried::Reply(reply) => self.push(Kind::Unanswered { reply }),
                Carried::Address(address, _) => self.push(Kind::Released { address, times: 1 }),
                Carried::Unwanted | Carried::Yours(_) => {}
            }
        }
    }

    pub(super) fn deliver(self: &Arc<Self>, to: u64, carried: Vec<Carried>, body: &[u8]) {
        let Some(address) = self.exported(to) else {
            return self.give_back(carried.into_iter());
        };
        if let Err(error) = address.deliver(self, to, carried, body) {
            slog::warn!(self.system().logger(), "a message that crossed cannot be read"; "reason" => %error);
            let (target, message_type) = (address.recipient(), address.message_type());
            let reason = DeadReason::NotCarried;
            self.system().shared.dead_letter(DeadLetter { target, message_type, reason, sender: None });
        }
    }

    pub(super) fn take_answer(self: &Arc<Self>, number: u64, carried: Vec<Carried>, body: &[u8]) {
        let Some(awaited) = self.take_awaited(number) else {
            return self.give_back(carried.into_iter());
        };
        if let Err(error) = awaited.answer(self, carried, body) {
            slog::warn!(self.system().logger(), "an answer that crossed cannot be read"; "reason" => %error);
        }
    }

    pub(super) fn exported(&self, number: u64) -> Option<Arc<dyn Exported>> {
        self.tables.lock().exports.get(&number).map(|export| export.address.clone())
    }

    /// Whether the process that has crossed by that number has ended.
    pub(super) fn has_ended(&self, number: u64) -> bool {
        self.exported(number).is_none_or(|address| !self.system().is_alive(address.recipient()))
    }

    /// Somebody here owes an answer to somebody over there.
    pub(super) fn owe(&self, number: u64, owed: WeaklyOwed) {
        self.tables.lock().owed.insert(number, owed);
    }

    pub(super) fn settle(&self, number: u64) {
        self.tables.lock().owed.remove(&number);
    }

    /// The address of what stands here for whoever has that number over there.
    pub(super) fn import<M>(&self, number: u64, whom: Recipient) -> Option<Address<M>>
    where
        M: Serialize + DeserializeOwned + Send + 'static,
    {
        let process = match self.find_import(number) {
            Some(stand_in) => downcast::<M>(stand_in)?,
            None => self.spawn_stand_in(number, whom)?,
        };
        Some(Address::via(Abroad { process, border: self.itself.clone(), number }))
    }

    fn find_import(&self, number: u64) -> Option<Arc<dyn AnyProcess>> {
        let mut tables = self.tables.lock();
        let import = tables.imports.get_mut(&number)?;
        import.times += 1;
        import.handles += 1;
        Some(import.stand_in.clone())
    }

    fn spawn_stand_in<M>(&self, number: u64, whom: Recipient) -> Option<Arc<Process<M>>>
    where
        M: Serialize + DeserializeOwned + Send + 'static,
    {
        let (unused, released) = async_channel::bounded(1);
        let (role, owner) = (Role::new(self.itself.upgrade()?, number), self.owner.process());
        let options = SpawnOptions::new().label(&format!("stands for {whom}"));
        let body = move |ctx| stand_in::<M>(ctx, role, released);
        let address = spawn(&self.system().shared, Some(&**owner), Tie::None, options, body).ok()?;
        let process = address.resolve()?;
        process.control(|control| control.trap_exit = true);
        let import = Import { stand_in: process.clone(), whom, times: 1, handles: 1, unused };
        let mut tables = self.tables.lock();
        if tables.is_closed {
            drop(tables);
            process.doom(ExitReason::NoProcess);
        } else {
            // Frames are read by one, in turn: nobody has put one there meanwhile.
            tables.imports.insert(number, import);
        }
        Some(process)
    }

    pub(super) fn is_imported(&self, number: u64) -> bool {
        self.tables.lock().imports.contains_key(&number)
    }

    /// An address of a stand-in is gone.
    pub(super) fn release_handle(&self, number: u64, stand_in: Pid) {
        let mut tables = self.tables.lock();
        let import = tables.imports.get_mut(&number).filter(|import| import.stand_in.pid() == stand_in);
        if let Some(import) = import {
            import.handles -= 1;
            if import.handles == 0 {
                let unused = import.unused.clone();
                drop(tables);
                let _ = unused.try_send(());
            }
        }
    }

    /// Forgets a stand-in, which may end then, if nobody has its address, or wants to hear of its end. Returns how many times it has
    /// come.
    pub(super) fn let_go(&self, number: u64, stand_in: Pid) -> Option<u64> {
        let is_its = |import: &Import| import.stand_in.pid() == stand_in;
        let process = {
            let tables = self.tables.lock();
            tables.imports.get(&number).filter(|import| is_its(import))?.stand_in.clone()
        };
        if process.control(|control| control.links.iter().next().is_some() || control.watchers().next().is_some()) {
            return None;
        }
        let mut tables = self.tables.lock();
        if tables.imports.get(&number).is_none_or(|import| import.handles > 0) {
            return None;
        }
        let import = tables.remove_import(number)?;
        drop(tables);
        Some(import.times)
    }

    /// The process over there has ended, so what stands for it does.
    pub(super) fn end_import(&self, number: u64, reason: ExitReason) {
        let import = self.tables.lock().remove_import(number);
        if let Some(import) = import {
            import.stand_in.doom(reason);
            self.push(Kind::Released { address: number, times: import.times });
        }
    }
}

fn downcast<M: Send + 'static>(process: Arc<dyn AnyProcess>) -> Option<Arc<Process<M>>> {
    let process: Arc<dyn Any + Send + Sync> = process;
    process.downcast().ok()
}
