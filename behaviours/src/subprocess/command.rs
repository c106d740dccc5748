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
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let date = Command::new("echo").arg("$HOME is where; the heart is"); // No shell looks at it.
    /// assert_eq!(block_on(date.run(&system)).unwrap().stdout.to_string(), "$HOME is where; the heart is\n");
    /// ```
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command::of(Program::Named(program.as_ref().into()))
    }

    /// A line for `/bin/sh`, in which the [arguments](Self::arg) are `$1`, `$2` and so on.
    ///
    /// What is not yours belongs into the arguments, or the environment: in the line the shell would obey it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let name = "Robert'); DROP TABLE students;--"; // Not ours: it goes into an argument.
    /// let greet = Command::shell(r#"echo "Hello, $1" | wc -l"#).arg(name);
    /// assert_eq!(block_on(greet.run(&system)).unwrap().stdout.to_string().trim(), "1");
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let sum = Command::new("expr").args(["40", "+", "2"]);
    /// assert_eq!(block_on(sum.run(&system)).unwrap().stdout.to_string(), "42\n");
    /// assert_eq!(sum.to_string(), "expr 40 + 2");
    /// ```
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Sets an environment variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let greet = Command::shell("echo $GREETING").env("GREETING", "hello");
    /// assert_eq!(block_on(greet.run(&system)).unwrap().stdout.to_string(), "hello\n");
    /// ```
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().into(), Some(value.as_ref().into()));
        self
    }

    /// Removes an environment variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let path = Command::shell("echo ${HOME-homeless}").env("HOME", "/home/ann").env_remove("HOME");
    /// assert_eq!(block_on(path.run(&system)).unwrap().stdout.to_string(), "homeless\n");
    /// ```
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().into(), None);
        self
    }

    /// The environment is what is set from here on; nothing is inherited.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let bare = Command::new("/usr/bin/env").env("BEFORE", "1").env_clear().env("AFTER", "2");
    /// assert_eq!(block_on(bare.run(&system)).unwrap().stdout.to_string(), "AFTER=2\n");
    /// ```
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.inherits = false;
        self.env.clear();
        self
    }

    /// Sets the folder in which it runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, CommandError};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let here = Command::new("pwd").folder("/");
    /// assert_eq!(block_on(here.run(&system)).unwrap().stdout.to_string(), "/\n");
    /// let nowhere = block_on(Command::new("pwd").folder("/no/such/folder").run(&system)).unwrap_err();
    /// assert!(matches!(nowhere, CommandError::NoFolder { .. }));
    /// ```
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().into());
        self
    }

    /// Sets the user that it runs as, by number; of supplementary groups it has none then. Variables such as `HOME` stay.
    ///
    /// # Examples
    ///
    /// Only who may become that user can, so here a program asks for the one that it is:
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, CommandError};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let id = block_on(Command::shell("id -u").run(&system)).unwrap().stdout.to_string();
    /// let own: u32 = id.trim().parse().unwrap();
    /// let result = block_on(Command::shell("id -u").user(own).run(&system));
    /// let is_refused = matches!(result, Err(CommandError::Refused { .. })); // To drop groups takes rights, too.
    /// assert!(is_refused || result.unwrap().stdout.to_string().trim() == own.to_string());
    /// ```
    #[must_use]
    pub fn user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// Sets the group that it runs as, by number.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let id = block_on(Command::shell("id -g").run(&system)).unwrap().stdout.to_string();
    /// let own: u32 = id.trim().parse().unwrap();
    /// let result = block_on(Command::shell("id -g").group(own).run(&system)).unwrap();
    /// assert_eq!(result.stdout.to_string().trim(), own.to_string());
    /// ```
    #[must_use]
    pub fn group(mut self, id: u32) -> Self {
        self.group = Some(id);
        self
    }

    /// Sets how much it may use up of something. The limit holds before the program's first instruction.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Limit};
    /// use proscenium_runtime::System;
    ///
    /// # #[cfg(target_os = "linux")] {
    /// let system = System::new("office");
    /// let few = Command::shell("ulimit -n").limit(Limit::OpenFiles, 17);
    /// assert_eq!(block_on(few.run(&system)).unwrap().stdout.to_string(), "17\n");
    /// # }
    /// ```
    #[must_use]
    pub fn limit(mut self, limit: Limit, most: u64) -> Self {
        self.limits.insert(limit, most);
        self
    }

    /// Sets what it reads; nothing by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Input};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let count = Command::new("wc").arg("-w").stdin(Input::bytes("to be or not to be"));
    /// assert_eq!(block_on(count.run(&system)).unwrap().stdout.to_string().trim(), "6");
    /// ```
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Sets what becomes of its output.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
    ///     let lines = Output::lines().to(&ctx.address(), |line| line.text());
    ///     Command::shell("echo one; echo two").stdout(lines).run(ctx.system()).await?;
    ///     assert_eq!(ctx.receive_message().await, "one");
    ///     assert_eq!(ctx.receive_message().await, "two");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Sets what becomes of its complaints.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, Output};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let loud = Command::shell("echo fine; echo 'not so fine' >&2").stderr(Output::lines().keep(1024));
    /// let result = block_on(loud.run(&system)).unwrap();
    /// assert_eq!((result.stdout.to_string(), result.stderr.to_string()), ("fine\n".into(), "not so fine\n".into()));
    /// assert_eq!(result.complaint, "not so fine"); // Its last line.
    /// ```
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Stops it if it has not ended after this long.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::{Command, CommandStatus};
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let limit = Duration::from_millis(10);
    /// let result = block_on(Command::new("sleep").arg("3600").timeout(limit).run(&system)).unwrap();
    /// assert_eq!(result.status, CommandStatus::TimedOut(limit));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how long it has to end when it was asked to, before it is killed; 2 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use futures_lite::future::block_on;
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::System;
    ///
    /// let system = System::new("office");
    /// let soon = Duration::from_millis(10);
    /// let stubborn = Command::shell("trap '' TERM; while :; do :; done").timeout(soon).grace(soon);
    /// assert!(!block_on(stubborn.run(&system)).unwrap().is_success()); // It was killed, however stubborn.
    /// ```
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the signal that asks it to end; SIGTERM by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output, Signal, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
    ///     let lines = Output::lines().to(&ctx.address(), |line| line.text());
    ///     let script = "trap 'echo saved; exit 0' USR1; echo ready; while :; do sleep 1000 & wait; done";
    ///     let editor = Command::shell(script).stdout(lines).stop_signal(Signal::Usr1); // Not SIGTERM.
    ///     let editor = Subprocess::start(editor).link(&mut ctx).await?;
    ///     assert_eq!(ctx.receive_message().await, "ready");
    ///     editor.abort();
    ///     assert_eq!(ctx.receive_message().await, "saved");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Sends what `make` makes of the command's OS pid, before any of its output.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::Command;
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<u32>| async move {
    ///     let own_pid = Command::shell("echo $$").report_on_start(&ctx.address(), |os_pid| os_pid);
    ///     let result = own_pid.run(ctx.system()).await?;
    ///     assert_eq!(result.stdout.to_string().trim(), ctx.receive_message().await.to_string());
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, CommandStatus, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<CommandStatus>| async move {
    ///     ctx.trap_exit(true);
    ///     let fails = Command::shell("exit 3").report_on_end(&ctx.address(), |result| result.status);
    ///     Subprocess::start(fails).link(&mut ctx).await?;
    ///     assert_eq!(ctx.receive_message().await, CommandStatus::Exited(3)); // Whoever has started it.
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::Command;
    ///
    /// let login = Command::new("login").args(["--password", "cheese"]).hide("cheese");
    /// assert_eq!(login.to_string(), "login --password …");
    /// assert!(!format!("{login:?}").contains("cheese"));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, CommandStatus};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|ctx: Context<()>| async move {
    ///     let result = Command::shell("echo oops >&2; exit 3").run(ctx.system()).await?;
    ///     assert_eq!(result.status, CommandStatus::Exited(3)); // It has run. Was that a success?
    ///     assert_eq!(result.success().unwrap_err().complaint, "oops");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
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
