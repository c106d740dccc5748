//! How a command ended, or why it never began.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::framing::FrameError;
use super::kept::Kept;
use super::limit::Limit;
use super::signal;

/// How a command ended.
///
/// # Examples
///
/// ```
/// use futures_lite::future::block_on;
/// use proscenium_behaviours::subprocess::{Command, CommandStatus};
/// use proscenium_runtime::System;
///
/// let system = System::new("office");
/// let status = |line| block_on(Command::shell(line).run(&system)).unwrap().status;
/// assert!(status("exit 0").is_success());
/// assert_eq!(status("exit 3"), CommandStatus::Exited(3));
/// assert_eq!(status("kill -9 $$"), CommandStatus::Signaled(9));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// It ended by itself, with this code.
    Exited(i32),
    /// A signal ended it, of this number.
    Signaled(i32),
    /// It had had its time, and was stopped.
    TimedOut(Duration),
    /// Its output was not as agreed, and it was stopped.
    BadOutput(FrameError),
    /// It has ended, and nobody knows how: this program ignores SIGCHLD, or has taken the status elsewhere.
    Unknown,
}

impl CommandStatus {
    pub(super) fn new(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => CommandStatus::Exited(code),
            (None, signal) => CommandStatus::Signaled(signal.unwrap_or_default()),
        }
    }

    /// Whether it ended by itself, with code 0.
    pub fn is_success(&self) -> bool {
        *self == CommandStatus::Exited(0)
    }
}

impl fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandStatus::Exited(code) => write!(f, "exited with {code}"),
            CommandStatus::Signaled(number) => write!(f, "was ended by {}", signal::name(*number)),
            CommandStatus::TimedOut(timeout) => write!(f, "had not ended after {timeout:?}"),
            CommandStatus::BadOutput(error) => write!(f, "has written {error}"),
            CommandStatus::Unknown => f.write_str("has ended, its status lost"),
        }
    }
}

/// What a command leaves.
///
/// # Examples
///
/// ```
/// use futures_lite::future::block_on;
/// use proscenium_behaviours::subprocess::{Command, CommandResult};
/// use proscenium_runtime::System;
///
/// let system = System::new("office");
/// let result: CommandResult = block_on(Command::shell("echo fine; echo oops >&2; exit 3").run(&system)).unwrap();
/// assert_eq!((result.stdout.to_string(), result.complaint.as_str()), ("fine\n".to_owned(), "oops"));
/// assert!(!result.is_success());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandResult {
    /// What ran, as it is shown.
    pub command: String,
    /// How it ended.
    pub status: CommandStatus,
    /// What is kept of its output.
    pub stdout: Kept,
    /// What is kept of its complaints.
    pub stderr: Kept,
    /// The last line of its complaints, or the beginning of that, as it may be shown; empty if there is none.
    pub complaint: String,
    /// From its start until it had ended and its output was read, by the system's clock.
    pub duration: Duration,
}

impl CommandResult {
    /// Whether it ended by itself, with code 0.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The result, if it is a success.
    ///
    /// # Errors
    /// How the command ended, and the last line of its complaints.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, CommandStatus};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let fine = block_on(Command::new("true").run(&system)).unwrap();
    /// assert!(fine.success().is_ok());
    /// let failed = block_on(Command::new("false").run(&system)).unwrap();
    /// assert_eq!(failed.success().unwrap_err().status, CommandStatus::Exited(1));
    /// ```
    pub fn success(self) -> Result<Self, CommandFailure> {
        if self.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    pub(super) fn failure(&self) -> CommandFailure {
        let CommandResult { command, status, complaint, .. } = self.clone();
        CommandFailure { command, status, complaint }
    }
}

/// The last line that says something, or the beginning of it.
pub(super) fn last_line(text: &str) -> String {
    const MOST: usize = 300;
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    last.chars().take(MOST).collect()
}

/// A command that ended, and not with success.
///
/// # Examples
///
/// It is an error as others, for `?`, and it is the exit reason of a [`Subprocess`](super::Subprocess):
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, CommandFailure, CommandStatus, Subprocess};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     let fails = Subprocess::start(Command::shell("echo oops >&2; exit 3")).link(&mut ctx).await?;
///     let reason = fails.address().exited().await;
///     let failure: &CommandFailure = reason.downcast_ref().expect("that is why it has ended");
///     assert_eq!((&failure.status, &*failure.complaint), (&CommandStatus::Exited(3), "oops"));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{command}` {status}{}", if complaint.is_empty() { String::new() } else { format!(": {complaint}") })]
pub struct CommandFailure {
    /// What ran, as it is shown.
    pub command: String,
    /// How it ended.
    pub status: CommandStatus,
    /// The last line of its complaints, or the beginning of that; empty if there is none.
    pub complaint: String,
}

/// Why a command did not begin.
///
/// # Examples
///
/// ```
/// use futures_lite::future::block_on;
/// use proscenium_behaviours::subprocess::{Command, CommandError};
/// use proscenium_runtime::System;
///
/// let system = System::new("office");
/// let error = block_on(Command::new("no-such-program").run(&system)).unwrap_err();
/// assert!(matches!(&error, CommandError::NotFound { program } if program == "no-such-program"));
/// let error = block_on(Command::new("/etc/passwd").run(&system)).unwrap_err();
/// assert_eq!(error.to_string(), "/etc/passwd cannot be executed");
/// ```
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such program, in the folders of the command's `PATH` or where its path says.
    #[error("there is no program `{program}`")]
    NotFound {
        /// What was looked for.
        program: String,
    },
    /// There is a file of that name, but nobody may execute it.
    #[error("{} cannot be executed", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// There is no such folder to run it in.
    #[error("there is no folder {} to run `{command}` in", folder.display())]
    NoFolder {
        /// What was to run.
        command: String,
        /// Where.
        folder: PathBuf,
    },
    /// The operating system refused a limit, or knows no limits for single processes.
    #[error("`{command}` cannot be limited in its {limit}: {source}")]
    Limit {
        /// What was to run.
        command: String,
        /// The limit.
        limit: Limit,
        /// What the operating system says.
        source: io::Error,
    },
    /// An environment variable or an argument cannot be handed over.
    #[error("`{command}` cannot be given {what}")]
    Unfit {
        /// What was to run.
        command: String,
        /// What cannot.
        what: String,
    },
    /// The operating system refused: too many processes, too many files, arguments too long, no right to be that user.
    #[error("`{command}` cannot be started: {source}")]
    Refused {
        /// What was to run.
        command: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The guardian that ends what a program leaves behind cannot be started.
    #[error("no guardian for commands: {0}")]
    NoGuardian(String),
}
