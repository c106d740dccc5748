//! What is known of each service.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use async_channel::Sender;
use proscenium::prelude::*;

/// What the board is told and asked.
pub(super) enum Board {
    Changed {
        name: String,
        state: State,
        process: Pid,
    },
    Wrote(String, String),
    /// Other services than these are gone.
    Only(BTreeSet<String>),
    Rows(Reply<Vec<Row>>),
    /// Sends each row that changes, from now on.
    Follow(Sender<Row>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Well { os_pid: u32 },
    Unwell { complaint: String },
    Ended { reason: String },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Starting => f.write_str("starting"),
            State::Well { os_pid } => write!(f, "well, OS process {os_pid}"),
            State::Unwell { complaint } => write!(f, "unwell: {complaint}"),
            State::Ended { reason } => write!(f, "ended: {reason}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) state: State,
    /// Since when it is in this state.
    pub(super) since: Instant,
    /// How many times it was started.
    pub(super) starts: u32,
    /// The last line that it has written.
    pub(super) wrote: String,
}

pub(super) struct BoardServer {
    /// Whether what it hears is printed, too.
    prints: bool,
    rows: BTreeMap<String, Row>,
    /// Whose end will be heard of.
    processes: BTreeMap<Pid, String>,
    followers: Vec<Sender<Row>>,
}

impl GenServer for BoardServer {
    type Args = bool;
    type Message = Board;

    async fn init(prints: bool, _ctx: &mut Context<Board>) -> Result<Self, ExitReason> {
        Ok(BoardServer { prints, rows: BTreeMap::new(), processes: BTreeMap::new(), followers: Vec::new() })
    }

    async fn handle(&mut self, message: Board, ctx: &mut Context<Board>) -> Result<(), ExitReason> {
        match message {
            Board::Changed { name, state, process } => {
                if state == State::Starting {
                    ctx.monitor(process);
                    self.processes.insert(process, name.clone());
                }
                self.change(name, state, ctx.system().now());
            }
            Board::Wrote(name, line) => {
                self.print(&name, &line);
                if let Some(row) = self.rows.get_mut(&name) {
                    row.wrote = line;
                }
            }
            Board::Only(names) => self.rows.retain(|name, _| names.contains(name)),
            Board::Rows(reply) => reply.send(self.rows.values().cloned().collect()),
            Board::Follow(follower) => self.followers.push(follower),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<Board>) -> Result<(), ExitReason> {
        if let Info::Down(down) = info
            && let Some(name) = self.processes.remove(&down.pid)
            // Its successor may have told of itself before.
            && !self.processes.values().any(|other| *other == name)
        {
            self.change(name, State::Ended { reason: down.reason.to_string() }, ctx.system().now());
        }
        Ok(())
    }
}

impl BoardServer {
    fn change(&mut self, name: String, state: State, now: Instant) {
        let new = || Row { name: name.clone(), state: State::Starting, since: now, starts: 0, wrote: String::new() };
        let row = self.rows.entry(name.clone()).or_insert_with(new);
        row.starts += u32::from(state == State::Starting);
        row.state = state;
        row.since = now;
        self.followers.retain(|follower| follower.try_send(row.clone()).is_ok());
        let said = row.state.to_string();
        self.print(&name, &format!("({said})"));
    }

    fn print(&self, name: &str, line: &str) {
        if self.prints {
            println!("{name:<14} | {line}");
        }
    }
}
