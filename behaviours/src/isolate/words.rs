//! What the two OS processes say to each other beside messages.

use std::path::PathBuf;

use proscenium_runtime::crossing::LogRecord;
use proscenium_runtime::{DeadReason, ExitReason, Recipient};
use serde::{Deserialize, Serialize};

/// The first word of the parent's. The arguments follow, as a word of their own.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    /// The type of the server.
    pub(super) server: String,
    pub(super) system: String,
    /// Most bytes of a frame.
    pub(super) frame_limit: usize,
    /// Most bytes of memory.
    pub(super) memory_limit: Option<u64>,
    /// The least of the levels that the parent logs; `None` if none.
    pub(super) level: Option<usize>,
    /// Who the server is, for log records: keys, and values.
    pub(super) identity: Vec<(String, Option<String>)>,
}

/// What the parent says later.
#[derive(Serialize, Deserialize)]
pub(super) enum ToServer {
    /// An exit signal for the server.
    Exit { reason: ExitReason, from_parent: bool },
    /// It shall clean up and end, whether it traps exits or not.
    Stop(ExitReason),
}

/// What the OS process of the server says.
#[derive(Serialize, Deserialize)]
pub(super) enum FromServer {
    /// It runs a program that knows what to do. The first word.
    Hello,
    Started,
    NotStarted(Obstacle),
    Progress(Progress),
    Log(LogRecord),
    DeadLetter(Lost),
    /// The server has failed, and shows of itself what is in this.
    Terminated {
        reason: ExitReason,
        state: String,
        last_message: Option<String>,
        log: Vec<String>,
    },
    /// The server has ended. The last word.
    Ended(ExitReason),
}

/// How many messages of the parent's the server has received so far, and handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) received: u64,
    pub(super) handled: u64,
}

/// Why the server did not start.
#[derive(Serialize, Deserialize)]
pub(super) enum Obstacle {
    UnknownServer,
    /// The limit of memory could not be set.
    MemoryLimit(String),
    Ignored,
    Init(ExitReason),
    /// There is no system to run it.
    System(String),
}

/// A dead letter of the other system.
#[derive(Serialize, Deserialize)]
pub(super) struct Lost {
    pub(super) to: To,
    pub(super) message_type: String,
    pub(super) reason: DeadReason,
}

/// Whom a message was for.
#[derive(Serialize, Deserialize)]
pub(super) enum To {
    Server,
    /// Somebody of the parent's, as they are called there.
    Yours(Recipient),
    /// Somebody there.
    Theirs(String),
}

/// What starts a program as a server's OS process.
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) server: &'static str,
}
