//! What a border knows of what has crossed it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_channel::Sender;

use super::address::{Exported, Whose};
use super::reply::Awaited;
use crate::any_process::AnyProcess;
use crate::pid::{MonitorRef, Pid, Recipient};
use crate::slot::WeaklyOwed;

/// So many stand-ins that are no more are remembered: their dead letters may have yet to be told of.
const REMEMBERED: usize = 256;

#[derive(Default)]
pub(super) struct Tables {
    pub(super) is_closed: bool,
    /// What somebody over there owes to somebody here.
    pub(super) awaited: BTreeMap<u64, Box<dyn Awaited>>,
    /// What somebody here owes to somebody over there.
    pub(super) owed: BTreeMap<u64, WeaklyOwed>,
    pub(super) exports: BTreeMap<u64, Export>,
    pub(super) numbers: BTreeMap<Whose, u64>,
    /// Who is told of the end of which export.
    pub(super) monitors: BTreeMap<MonitorRef, u64>,
    pub(super) imports: BTreeMap<u64, Import>,
    /// The last of the stand-ins that are no more, and for whom they stood.
    pub(super) past: VecDeque<(Pid, Recipient)>,
}

impl Tables {
    pub(super) fn remove_import(&mut self, number: u64) -> Option<Import> {
        let import = self.imports.remove(&number)?;
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((import.stand_in.pid(), import.whom.clone()));
        Some(import)
    }
}

/// An address that somebody over there has.
pub(super) struct Export {
    pub(super) address: Arc<dyn Exported>,
    pub(super) whose: Option<Whose>,
    /// How many times it has crossed, less those that were taken back.
    pub(super) times: u64,
    pub(super) monitor: Option<(MonitorRef, Pid)>,
}

/// An address from over there.
pub(super) struct Import {
    /// What stands for its process here.
    pub(super) stand_in: Arc<dyn AnyProcess>,
    pub(super) whom: Recipient,
    /// How many times it has crossed.
    pub(super) times: u64,
    /// How many addresses of it there are.
    pub(super) handles: usize,
    /// Tells the stand-in that there is none any more.
    pub(super) unused: Sender<()>,
}
