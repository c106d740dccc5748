//! Programs and lines of shell as processes: started, fed, read, watched and ended with all that they have started.
//!
//! A [`Command`] says what is to run. It [runs](Command::run) once, and its caller waits; or it is a [`Subprocess`], a process that
//! a supervisor starts, stops and starts again; or it waits for its turn in a [`CommandQueue`]. What holds for all of them:
//!
//! - **Nothing is left.** A command is a process group. When its leader ends, when it is stopped, when its owner ends or is killed,
//!   and when this program ends, be it by SIGKILL, all processes of the group end, too, and none stays a zombie. (A process that
//!   leaves the group, as daemons do, is on its own.)
//! - **Nothing is inherited** but the three standard streams and what this program's own parent has left open to all.
//! - **Its end is an exit reason**, with the code or the signal and the last complaint.
//! - **Memory is bounded**: of the output the head and the tail are kept, frames have a longest length, and a process that takes
//!   them slowly slows the command down.
//! - Told to stop, it is asked to, and after a time of grace killed, whatever it traps.
//!
//! It needs a system on real threads, and Unix. One more OS process, a shell named `proscenium-guardian`, waits for the program's end
//! as long as the system lives that has run a command; in the system itself, a process named `proscenium.guardian` looks after it.
//!
//! # Examples
//!
//! A line of shell, fed and read:
//!
//! ```
//! use futures_lite::future::block_on;
//! use proscenium_behaviours::subprocess::{Command, CommandStatus, Input};
//! use proscenium_runtime::System;
//!
//! let system = System::new("office");
//! let upper = Command::shell("tr a-z A-Z").stdin(Input::bytes("hello"));
//! let result = block_on(upper.run(&system)).unwrap();
//! assert_eq!((result.status, result.stdout.to_string()), (CommandStatus::Exited(0), "HELLO".to_owned()));
//! ```

mod framing;
mod input;
mod kept;
mod limit;
mod output;
mod signal;
mod status;

mod command;
mod guardian;
mod leash;
mod pump;
mod running;

mod queue;
mod server;

pub use command::Command;
pub use framing::{Frame, FrameError, Prefix};
pub use input::Input;
pub use kept::Kept;
pub use limit::Limit;
pub use output::Output;
pub use pump::InputError;
pub use queue::{CommandQueue, CommandQueueLoop, CommandQueueMessage};
pub use server::{Subprocess, SubprocessLoop, SubprocessMessage};
pub use signal::{NoSuchSignal, Signal};
pub use status::{CommandError, CommandFailure, CommandResult, CommandStatus};
