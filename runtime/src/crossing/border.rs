//! One system's end of a connection to another.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::RefUnwindSafe;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use futures_lite::future;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::carried::Way;
use super::error::CrossingError;
use super::frame::{self, Carried, Head, Kind, LENGTH};
use super::outbox::Outbox;
use super::tables::{Export, Tables};
use crate::address::Address;
use crate::exit::ExitReason;
use crate::info::{ProcessInfo, Status};
use crate::pid::{Pid, Recipient};
use crate::signal::Down;
use crate::slot::WeaklyOwed;
use crate::start::Parent;
use crate::sync::Lock;
use crate::system::SystemHandle;

/// The number of the one process that both sides know from the start: the same on either.
pub(super) const MAIN: u64 = 0;

/// One system's end of a connection to another; see the [module](crate::crossing).
///
/// It belongs to a process, in whose name it monitors those whose addresses have crossed, and which gives it the
/// [downs](Self::tell_down). That process writes what waits ([`unwritten`](Self::unwritten), [`write_with`](Self::write_with)),
/// gives it the frames that it reads ([`receive`](Self::receive)), and [closes](Self::close) it at the end.
pub struct Border {
    pub(super) owner: Parent,
    /// Most bytes of a frame.
    pub(super) limit: usize,
    pub(super) numbers: AtomicU64,
    pub(super) outbox: Outbox,
    pub(super) tables: Lock<Tables>,
    pub(super) itself: Weak<Border>,
}

/// What came with a frame.
#[derive(Debug)]
pub enum Received<'a> {
    /// It was dealt with.
    Done,
    /// A message for the main process, not yet read; see [`Border::open_main`].
    Main(Control<'a>),
    /// A word between those who own the borders, not yet read; see [`Border::open`].
    Control(Control<'a>),
}

/// What came, not yet read.
#[derive(Debug)]
pub struct Control<'a> {
    carried: Vec<Carried>,
    body: &'a [u8],
}

impl Border {
    /// A border of the process of `owner`. A frame may have at most `limit` bytes.
    pub fn new(owner: Parent, limit: usize) -> Arc<Self> {
        Arc::new_cyclic(|itself| Border {
            owner,
            limit,
            numbers: AtomicU64::new(MAIN + 1),
            outbox: Outbox::default(),
            tables: Lock::default(),
            itself: itself.clone(),
        })
    }

    /// The system on this side.
    pub fn system(&self) -> &SystemHandle {
        self.owner.system()
    }

    /// Sets the one process that both sides know from the start: where the address of one side's crosses, it is that of the
    /// other's.
    pub fn set_main<M: Serialize + DeserializeOwned + Send + 'static>(&self, address: Address<M>) {
        let export = Export { address: Arc::new(address), whose: None, times: 1, monitor: None };
        self.tables.lock().exports.insert(MAIN, export);
    }

    /// Sends a message to the main process on the other side.
    ///
    /// # Errors
    /// If it is too large, or cannot be serialized. Then nothing of it crosses, and the callers of the replies in it are told when
    /// the message is dropped.
    pub fn send_main<M: Serialize>(self: &Arc<Self>, message: &M) -> Result<(), CrossingError> {
        self.send(Kind::Message { to: MAIN }, message)
    }

    /// Says a word to the owner of the other side. There may be replies and addresses in it.
    ///
    /// # Errors
    /// As [`send_main`](Self::send_main).
    pub fn send_control<T: Serialize>(self: &Arc<Self>, word: &T) -> Result<(), CrossingError> {
        self.send(Kind::Control, word)
    }

    /// Reads such a word.
    ///
    /// # Errors
    /// If it is no `T`.
    pub fn open<T: DeserializeOwned>(self: &Arc<Self>, control: Control<'_>) -> Result<T, CrossingError> {
        self.decode(Way::In { to: None }, control.carried, control.body)
    }

    /// Reads a message for the main process. Who cannot is to say that it is a dead letter.
    ///
    /// # Errors
    /// If it is no `M`.
    pub fn open_main<M: DeserializeOwned>(self: &Arc<Self>, message: Control<'_>) -> Result<M, CrossingError> {
        self.decode(Way::In { to: Some(MAIN) }, message.carried, message.body)
    }

    /// Ready when there is something to write, or after a [`nudge`](Self::nudge).
    ///
    /// # Cancel safety
    /// Dropping the future loses a nudge at most.
    pub async fn unwritten(&self) {
        poll_fn(|cx| self.outbox.poll_unwritten(cx)).await;
    }

    /// Wakes who waits for something to write.
    pub fn nudge(&self) {
        self.outbox.nudge();
    }

    /// How many bytes wait to be written.
    pub fn backlog(&self) -> usize {
        self.outbox.len()
    }

    /// Lets `write` write what waits, until that is all or it fails. Only one at a time does so; others wait.
    ///
    /// # Errors
    /// Those of `write`, such as that it would block.
    pub fn write_with(&self, write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        self.outbox.write_with(write)
    }

    /// The first frame in `bytes`, without its length, and how many bytes it takes with it; `None` if there is more to come.
    ///
    /// # Errors
    /// If it is larger than a frame may be.
    pub fn first_frame<'a>(&self, bytes: &'a [u8]) -> Result<Option<(&'a [u8], usize)>, CrossingError> {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > self.limit {
            let cause = format!("it has {length} bytes, and may have {}", self.limit);
            return Err(CrossingError::Garbled { cause });
        }
        Ok(rest.get(..length).map(|frame| (frame, LENGTH + length)))
    }

    /// Takes in a frame: delivers what is in it.
    ///
    /// # Errors
    /// If the other side does not keep to the protocol: then the connection is of no more use.
    pub fn receive<'a>(self: &Arc<Self>, frame: &'a [u8]) -> Result<Received<'a>, CrossingError> {
        let (Head { kind, carried }, body) = frame::split(frame)?;
        match kind {
            Kind::Control => return Ok(Received::Control(Control { carried, body })),
            Kind::Message { to: MAIN } => return Ok(Received::Main(Control { carried, body })),
            Kind::Message { to } => self.deliver(to, carried, body),
            Kind::Answer { to } => self.take_answer(to, carried, body),
            Kind::Unanswered { reply } => drop(self.take_awaited(reply)),
            Kind::Unwanted { reply } => {
                let owed = self.tables.lock().owed.remove(&reply);
                owed.inspect(WeaklyOwed::cancel);
            }
            Kind::Released { address, times } => self.take_back(address, times),
            Kind::Ended { address, reason } => self.end_import(address, reason),
            Kind::Exit { address, reason } => {
                if let Some(address) = self.exported(address) {
                    self.system().exit(address.recipient(), reason);
                }
            }
        }
        Ok(Received::Done)
    }

    /// The owner has received a down. If it is of a process whose address has crossed, the other side is told.
    pub fn tell_down(&self, down: &Down) {
        let number = self.tables.lock().monitors.remove(&down.monitor);
        if let Some(address) = number {
            self.push(Kind::Ended { address, reason: down.reason.clone() });
        }
    }

    /// For whom that process stands, as they are called on the other side; also for a while after it has ended.
    pub fn stands_for(&self, stand_in: Pid) -> Option<Recipient> {
        let tables = self.tables.lock();
        let present = tables.imports.values().map(|import| (import.stand_in.pid(), &import.whom));
        let mut known = present.chain(tables.past.iter().map(|(pid, whom)| (*pid, whom)));
        known.find(|(pid, _)| *pid == stand_in).map(|(_, whom)| whom.clone())
    }

    /// Waits until all that was sent to stand-ins so far is on its way.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn settled(&self) {
        while !self.is_settled() {
            future::yield_now().await;
        }
    }

    fn is_settled(&self) -> bool {
        let stand_ins: Vec<_> = self.tables.lock().imports.values().map(|import| import.stand_in.clone()).collect();
        // One that runs may have a message in its hands.
        let is_idle = |info: ProcessInfo| info.queue_len == 0 && info.status == Status::Waiting;
        stand_ins.iter().all(|stand_in| stand_in.info().is_none_or(is_idle))
    }

    /// Nothing crosses any more. Stand-ins end with `reason`, and who awaits an answer from the other side is told that none will
    /// come.
    pub fn close(&self, reason: &ExitReason) {
        let closed = Tables { is_closed: true, ..Tables::default() };
        let tables = std::mem::replace(&mut *self.tables.lock(), closed);
        for export in tables.exports.values() {
            self.unwatch(export.monitor);
        }
        for import in tables.imports.values() {
            import.stand_in.doom(reason.clone());
        }
        for owed in tables.owed.values() {
            owed.cancel();
        }
        drop(tables);
    }
}

// What it shares is whole at any time: user code, which may panic, runs under no lock of ours.
impl RefUnwindSafe for Border {}

impl fmt::Debug for Border {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Border").field("owner", &self.owner).field("limit", &self.limit).finish_non_exhaustive()
    }
}
