//! What these tests share.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use futures_lite::future::block_on;
use proscenium::isolate::{IsolateError, isolate};
use proscenium::prelude::*;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid as OsPid, PidfdFlags, pidfd_open};
use slog::{Drain, Level, Logger, Never, OwnedKVList, Record, Serializer, o};

use crate::workshop::{Do, Note, Workshop};

/// A system that logs nothing, and its end.
pub(crate) fn system() -> System {
    System::builder("test").workers(2).logger(Logger::root(slog::Discard, o!())).build().expect("there is a thread")
}

pub(crate) fn workshop(system: &System) -> Address<Do> {
    block_on(isolate::<Workshop>(false).spawn(system)).expect("it starts")
}

pub(crate) fn trapping_workshop(system: &System) -> Address<Do> {
    block_on(isolate::<Workshop>(true).spawn(system)).expect("it starts")
}

/// Tells it that, and returns why it ends.
pub(crate) fn fate(word: Do) -> ExitReason {
    let system = system();
    let workshop = workshop(&system);
    workshop.cast(word);
    block_on(workshop.exited())
}

/// The error behind a reason that is not the server's own doing.
pub(crate) fn fault(reason: &ExitReason) -> IsolateError {
    reason.downcast_ref::<IsolateError>().unwrap_or_else(|| panic!("it is {reason:?}")).clone()
}

pub(crate) fn signal_of(reason: &ExitReason) -> i32 {
    match fault(reason) {
        IsolateError::Signalled { signal, .. } => signal,
        error => panic!("it is {error:?}"),
    }
}

/// A process here, and what it is sent.
pub(crate) struct Desk {
    pub(crate) address: Address<Note>,
    notes: async_channel::Receiver<Note>,
}

impl Desk {
    pub(crate) fn new(system: &System) -> Self {
        let (sender, notes) = async_channel::unbounded();
        let address = system.spawn(|mut ctx: Context<Note>| async move {
            loop {
                let note = ctx.receive_message().await;
                if note == Note::Text("end".into()) {
                    return Err(ExitReason::error("told to"));
                }
                if sender.try_send(note).is_err() {
                    return Err(ExitReason::Normal);
                }
            }
        });
        Desk { address, notes }
    }

    /// What it is sent next.
    pub(crate) fn note(&self) -> Note {
        block_on(self.notes.recv()).expect("the desk lives")
    }

    /// The reply of the next call to it.
    pub(crate) async fn ask(&self) -> Reply<u64> {
        match self.notes.recv().await.expect("the desk lives") {
            Note::Ask(ask) => ask.0,
            note => panic!("it is {note:?}"),
        }
    }
}

/// An OS process, whatever becomes of its number.
pub(crate) struct OsProcess(OwnedFd);

impl OsProcess {
    /// That process; `None` if there is none.
    pub(crate) fn find(number: u32) -> Option<Self> {
        let pid = OsPid::from_raw(i32::try_from(number).expect("it is a number"))?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => Some(OsProcess(descriptor)),
            Err(rustix::io::Errno::SRCH) => None,
            Err(error) => panic!("{}", io::Error::from(error)),
        }
    }

    pub(crate) fn of(number: u32) -> Self {
        OsProcess::find(number).expect("it lives")
    }

    pub(crate) fn kill(&self) {
        rustix::process::pidfd_send_signal(&self.0, rustix::process::Signal::KILL).expect("it lives");
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&self) {
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None).expect("it can be polled");
    }

    pub(crate) fn has_ended(&self) -> bool {
        let nothing = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&nothing)).expect("it can be polled") > 0
    }
}

/// Log records as lines: level, message, keys and values.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<VecDeque<String>>>);

impl Lines {
    pub(crate) fn logger(&self, level: Level) -> Logger {
        Logger::root(self.clone().filter_level(level).fuse(), o!())
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").iter().cloned().collect()
    }

    /// The line that has that in it.
    pub(crate) fn with(&self, text: &str) -> String {
        let all = self.all();
        all.iter().find(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text:?} in {all:#?}")).clone()
    }
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        use slog::KV;
        let mut line = Line(format!("{} {}", record.level(), record.msg()));
        record.kv().serialize(record, &mut line).expect("it takes all");
        values.serialize(record, &mut line).expect("it takes all");
        self.0.lock().expect("nobody panics with it").push_back(line.0);
        Ok(())
    }
}

struct Line(String);

impl Serializer for Line {
    fn emit_arguments(&mut self, key: slog::Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}
