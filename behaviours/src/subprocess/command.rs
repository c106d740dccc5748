//! A command before it runs: what, with what, where, as whom, and for how long.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::{Address, SystemHandle};

use super::input::Input;
use super::limit::Limit;
use super::output::Output;
use super::running::Running;
use super::signal::Signal;
use super::status::{CommandError, CommandResult};

/// Where programs are looked for if the command has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program to be run, or a line for the shell.
///
/// It is a value, and may be run any number of times: [`run`](Self::run) once and wait, or a
/// [`Subprocess`](super::Subprocess) under a supervisor, or in a [`CommandQueue`](super::CommandQueue).
///
/// By default it inherits the environment, the folder and the user of this program, reads nothing, has as long as it takes, is
/// stopped by SIGTERM, and 2 s later by SIGKILL.
///
/// Displayed, it is what a shell would be told, with what is [hidden](Self::hide) left out.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::subprocess::{Command, CommandStatus, Input};
/// use proscenium_runtime::{Context, System};
///
/// let outcome = System::new("sorting").run(|ctx: Context<()>| async move {
///     let sorted = Command::new("sort").arg("-r").stdin(Input::bytes("a\nc\nb\n")).run(ctx.system()).await?.success()?;
///     assert_eq!(sorted.stdout.to_string(), "c\nb\na\n");
///
///     let endless = Command::shell("trap '' TERM; while :; do :; done");
///     let soon = Duration::from_millis(1);
///     let result = endless.timeout(soon).grace(soon).run(ctx.system()).await?;
///     assert_eq!(result.status, CommandStatus::TimedOut(soon));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone)]
pub struct Command {
    program: Program,
    args: Vec<OsString>,
    inherits: bool,
    /// Variables that are set, or removed.
    env: BTreeMap<OsString, Option<OsString>>,
    pub(super) folder: Option<PathBuf>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) limits: BTreeMap<Limit, u64>,
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) timeout: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) stop_signal: Signal,
    pub(super) on_start: Option<Arc<dyn Fn(u32) + Send + Sync>>,
    pub(super) on_end: Option<Arc<dyn Fn(CommandResult) + Send + Sync>>,
    hidden: Vec<String>,
}

#[derive(Clone)]
enum Program {
    Named(OsString),
    Shell(OsString),
}

impl Command {
    /// A program: looked for in the command's `PATH` or, if there is a slash in it, from the folder in which it runs. No shell
    /// looks at it, nor at its arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command::of(Program::Named(program.as_ref().into()))
    }

    /// A line for `/bin/sh`, in which the [arguments](Self::arg) are `$1`, `$2` and so on.
    ///
    /// What is not yours belongs into the arguments, or the environment: in the line the shell would obey it.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Command::of(Program::Shell(line.as_ref().into()))
    }

    fn of(program: Program) -> Self {
        Command {
            program,
            args: Vec::new(),
            inherits: true,
            env: BTreeMap::new(),
            folder: None,
            user: None,
            group: None,
            limits: BTreeMap::new(),
            stdin: Input::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            timeout: None,
            grace: Duration::from_secs(2),
            stop_signal: Signal::Term,
            on_start: None,
            on_end: None,
            hidden: Vec::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().into(), Some(value.as_ref().into()));
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().into(), None);
        self
    }

    /// The environment is what is set from here on; nothing is inherited.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.inherits = false;
        self.env.clear();
        self
    }

    /// Sets the folder in which it runs.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().into());
        self
    }

    /// Sets the user that it runs as, by number; of supplementary groups it has none then. Variables such as `HOME` stay.
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// Sets the group that it runs as, by number.
    #[must_use]
    pub fn group(mut self, id: u32) -> Self {
        self.group = Some(id);
        self
    }

    /// Sets how much it may use up of something. The limit holds before the program's first instruction.
    #[must_use]
    pub fn limit(mut self, limit: Limit, most: u64) -> Self {
        self.limits.insert(limit, most);
        self
    }

    /// Sets what it reads; nothing by default.
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Sets what becomes of its output.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Sets what becomes of its complaints.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Stops it if it has not ended after this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how long it has to end when it was asked to, before it is killed; 2 s by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the signal that asks it to end; SIGTERM by default.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Sends what `make` makes of the command's OS pid, before any of its output.
    #[must_use]
    pub fn report_on_start<M: Send + 'static>(
        mut self,
        address: &Address<M>,
        make: impl Fn(u32) -> M + Send + Sync + 'static,
    ) -> Self {
        let address = address.clone();
        self.on_start = Some(Arc::new(move |pid| address.cast(make(pid))));
        self
    }

    /// Sends what `make` makes of the command's result, after all of its output. A command that is killed together with who
    /// runs it reports none.
    #[must_use]
    pub fn report_on_end<M: Send + 'static>(
        mut self,
        address: &Address<M>,
        make: impl Fn(CommandResult) -> M + Send + Sync + 'static,
    ) -> Self {
        let address = address.clone();
        self.on_end = Some(Arc::new(move |result| address.cast(make(result))));
        self
    }

    /// Shows `…` in place of a text, wherever the command and what it logs are shown: for secrets. What is kept, and sent to
    /// processes, is as it was written.
    #[must_use]
    pub fn hide(mut self, secret: &str) -> Self {
        self.hidden.extend((!secret.is_empty()).then(|| secret.to_owned()));
        self
    }

    /// Runs it and waits for its end.
    ///
    /// A result that is no success is a result: see [`CommandResult::success`].
    ///
    /// # Errors
    /// If it does not begin; see [`CommandError`].
    ///
    /// # Cancel safety
    /// Dropping the future kills the command, with all that it has started.
    pub async fn run(&self, system: &SystemHandle) -> Result<CommandResult, CommandError> {
        let (running, controls) = Running::start(self, system).await?;
        controls.writings.close();
        Ok(running.finish(system.logger()).await)
    }

    /// What to run, the name first.
    pub(super) fn words(&self, env: &BTreeMap<OsString, OsString>) -> Result<Vec<OsString>, CommandError> {
        let mut words = match &self.program {
            Program::Named(name) => vec![self.find(name, env)?.into()],
            Program::Shell(line) => vec!["/bin/sh".into(), "-c".into(), line.clone(), "sh".into()],
        };
        words.extend(self.args.iter().cloned());
        Ok(words)
    }

    /// All variables that it is to have.
    pub(super) fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<_, _> = if self.inherits { env::vars_os().collect() } else { BTreeMap::new() };
        for (name, value) in &self.env {
            match value {
                Some(value) => all.insert(name.clone(), value.clone()),
                None => all.remove(name),
            };
        }
        all
    }

    /// The file that a program's name stands for.
    fn find(&self, name: &OsStr, env: &BTreeMap<OsString, OsString>) -> Result<PathBuf, CommandError> {
        let here = match &self.folder {
            Some(folder) => folder.clone(),
            None => env::current_dir().unwrap_or_default(),
        };
        let candidates: Vec<PathBuf> = if Path::new(name).components().count() > 1 {
            vec![here.join(name)]
        } else {
            let path = env.get(OsStr::new("PATH")).map_or(OsStr::new(DEFAULT_PATH), OsString::as_os_str);
            env::split_paths(path).map(|folder| here.join(folder).join(name)).collect()
        };
        let files: Vec<PathBuf> = candidates.into_iter().filter(|path| path.is_file()).collect();
        let is_executable = |path: &&PathBuf| path.metadata().is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
        match (files.iter().find(is_executable), files.first()) {
            (Some(path), _) => Ok(path.clone()),
            (None, Some(path)) => Err(CommandError::NotExecutable { path: path.clone() }),
            (None, None) => Err(CommandError::NotFound { program: name.to_string_lossy().into_owned() }),
        }
    }

    /// A text with what is to be hidden left out.
    pub(super) fn censor(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Program::Named(first) | Program::Shell(first)) = &self.program;
        let mut text = first.to_string_lossy().into_owned();
        for arg in &self.args {
            let arg = arg.to_string_lossy();
            let is_plain = !arg.is_empty() && !arg.contains(|c: char| c.is_whitespace() || "'\"\\$`".contains(c));
            text += &if is_plain { format!(" {arg}") } else { format!(" '{arg}'") };
        }
        f.write_str(&self.censor(&text))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Command").field(&self.to_string()).finish()
    }
}
