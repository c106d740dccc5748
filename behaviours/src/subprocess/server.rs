//! A command as a process of the system.

use std::fmt;

use proscenium_runtime::{
    Address, Call, Context, Event, ExitReason, InitAck, Monitored, Pid, Recipient, Reply, SystemHandle,
};

use super::command::Command;
use super::pump::{InputError, Writing};
use super::running::{Controls, Order, Running};
use super::signal::Signal;
use super::status::CommandResult;
use crate::behaviour::{Behaviour, Start};
use crate::gen_server::{GenServer, Info};
use crate::sys::Sys;

/// A command that runs as a process: started, watched, stopped and restarted by a supervisor as any other.
///
/// It ends when the command does: normally if that exits with 0, and otherwise with a [`CommandFailure`] as
/// its reason; so a transient child is restarted unless it has exited with 0. Told to stop, it stops the command: the
/// [stop signal](Command::stop_signal), the [grace](Command::grace), then SIGKILL, to all the processes that the command has
/// started and that have not left its group. If it is killed, so are they.
///
/// Its start returns when the command has its OS process. Calls wait 5 s unless told otherwise.
///
/// [`CommandFailure`]: super::CommandFailure
///
/// # Examples
///
/// A calculator that is asked by message:
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, Input, Output, Subprocess};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
///     let answers = Output::lines().to(&ctx.address(), |line| line.text());
///     let adding = Command::shell("while read -r a b; do echo $((a + b)); done").stdin(Input::messages().lines());
///     let adder = Subprocess::start(adding.stdout(answers)).link(&mut ctx).await?;
///     adder.write("40 2").await??;
///     assert_eq!(ctx.receive_message().await, "42");
///     adder.close_input();
///     assert_eq!(adder.address().exited().await, ExitReason::Normal);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Subprocess {
    server: Address<SubprocessMessage>,
}

impl Subprocess {
    /// A start of the command, to be given options and then carried out, by you or by a supervisor.
    ///
    /// It fails with a [`CommandError`](super::CommandError), of which there is no crash report.
    pub fn start(command: Command) -> Start<SubprocessLoop> {
        Start::new(command)
    }

    /// Whoever has the name when it is used; so it survives a restart. Nobody need have it yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Subprocess};
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
    ///     let sleeper = Command::new("sleep").arg("3600");
    ///     let started = Subprocess::start(sleeper).name("sleeper").link(&mut ctx).await?;
    ///     let sleeper = Subprocess::named(ctx.system(), "sleeper"); // Anywhere in the system.
    ///     assert_eq!(sleeper.os_pid().await?, started.os_pid().await?);
    ///     assert_eq!(sleeper.pid(), started.pid());
    ///     sleeper.sys().stop(ExitReason::Normal).await?;
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn named(system: &SystemHandle, name: &str) -> Self {
        system.named(name).into()
    }

    /// Writes to a command that reads [messages](super::Input::messages), and waits until it is in the command's pipe.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError) and, if it was not written, [`InputError`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later may leave it to be written.
    pub fn write(&self, bytes: impl AsRef<[u8]>) -> Call<'_, SubprocessMessage, Result<(), InputError>> {
        let bytes = bytes.as_ref().to_vec();
        self.server.call(|reply| Message::Write(Writing { bytes, reply }).into())
    }

    /// Ends what a command reads, after all that was written before.
    pub fn close_input(&self) {
        self.server.cast(Message::CloseInput.into());
    }

    /// Sends a signal to all of the command's processes.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output, Signal, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
    ///     let lines = Output::lines().to(&ctx.address(), |line| line.text());
    ///     let script = "trap 'echo read again' USR1; echo ready; while :; do sleep 1000 & wait; done";
    ///     let service = Subprocess::start(Command::shell(script).stdout(lines)).link(&mut ctx).await?;
    ///     assert_eq!(ctx.receive_message().await, "ready");
    ///     service.signal(Signal::Usr1);
    ///     assert_eq!(ctx.receive_message().await, "read again");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn signal(&self, signal: Signal) {
        self.server.cast(Message::Signal(signal).into());
    }

    /// Stops the command, as a supervisor would; its [`result`](Self::result) follows.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true); // Its end would be ours.
    ///     let sleeper = Subprocess::start(Command::new("sleep").arg("3600")).link(&mut ctx).await?;
    ///     sleeper.abort();
    ///     let reason = sleeper.address().exited().await;
    ///     assert!(reason.to_string().ends_with("was ended by SIGTERM"));
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn abort(&self) {
        self.server.cast(Message::Abort.into());
    }

    /// The command's process id, as the operating system has it.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError).
    ///
    /// # Cancel safety
    /// Dropping the future loses the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Output, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<String>| async move {
    ///     let lines = Output::lines().to(&ctx.address(), |line| line.text());
    ///     let shell = Command::shell("echo $$; exec sleep 3600").stdout(lines);
    ///     let shell = Subprocess::start(shell).link(&mut ctx).await?;
    ///     assert_eq!(shell.os_pid().await?.to_string(), ctx.receive_message().await);
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn os_pid(&self) -> Call<'_, SubprocessMessage, u32> {
        self.server.call(|reply| Message::OsPid(reply).into())
    }

    /// Waits for the command's end, whatever that is. Give it the [time](Call::timeout) that the command takes.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError). Who asks when the command has ended finds no process: a result that is
    /// needed in any case is [reported](Command::report_on_end).
    ///
    /// # Cancel safety
    /// Dropping the future loses the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, CommandStatus, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true); // Its end would be ours.
    ///     let sleeper = Subprocess::start(Command::new("sleep").arg("3600")).link(&mut ctx).await?;
    ///     sleeper.abort();
    ///     let result = sleeper.result().await?;
    ///     assert_eq!(result.status, CommandStatus::Signaled(15)); // By SIGTERM.
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn result(&self) -> Call<'_, SubprocessMessage, CommandResult> {
        self.server.call(|reply| Message::Result(reply).into())
    }

    /// The address of its process.
    pub fn address(&self) -> &Address<SubprocessMessage> {
        &self.server
    }

    /// To look after its process.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, Subprocess};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
    ///     let sleeper = Subprocess::start(Command::new("sleep").arg("3600")).link(&mut ctx).await?;
    ///     let status = sleeper.sys().get_status().await?;
    ///     assert!(status.state.starts_with("`sleep 3600`, OS process "));
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn sys(&self) -> Sys {
        Sys::new(&self.server.system(), &self.server)
    }

    /// The pid of its process in the system; `None` if nobody has its name.
    pub fn pid(&self) -> Option<Pid> {
        self.server.pid()
    }
}

impl From<Address<SubprocessMessage>> for Subprocess {
    fn from(server: Address<SubprocessMessage>) -> Self {
        Subprocess { server }
    }
}

impl From<&Subprocess> for Recipient {
    fn from(subprocess: &Subprocess) -> Self {
        (&subprocess.server).into()
    }
}

impl<'a> From<&'a Subprocess> for Monitored<'a> {
    fn from(subprocess: &'a Subprocess) -> Self {
        (&subprocess.server).into()
    }
}

impl fmt::Debug for Subprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subprocess({})", self.server)
    }
}

/// What a [`Subprocess`] takes.
///
/// # Examples
///
/// Nobody makes one but a subprocess's methods. The address that takes it is as good as the subprocess:
///
/// ```
/// use proscenium_behaviours::subprocess::{Command, Subprocess, SubprocessMessage};
/// use proscenium_runtime::{Address, Context, System};
///
/// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
///     let sleeper = Subprocess::start(Command::new("sleep").arg("3600")).link(&mut ctx).await?;
///     let address: Address<SubprocessMessage> = sleeper.address().clone();
///     assert!(Subprocess::from(address) == sleeper);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct SubprocessMessage(Message);

enum Message {
    Write(Writing),
    CloseInput,
    Signal(Signal),
    Abort,
    OsPid(Reply<u32>),
    Result(Reply<CommandResult>),
    /// From the process that waits for the command.
    Ended(CommandResult),
}

impl From<Message> for SubprocessMessage {
    fn from(message: Message) -> Self {
        SubprocessMessage(message)
    }
}

impl fmt::Debug for SubprocessMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Message::Write(_) => "Write",
            Message::CloseInput => "CloseInput",
            Message::Signal(_) => "Signal",
            Message::Abort => "Abort",
            Message::OsPid(_) => "OsPid",
            Message::Result(_) => "Result",
            Message::Ended(_) => "Ended",
        })
    }
}

/// The behaviour that runs a [`Subprocess`].
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::Start;
/// use proscenium_behaviours::subprocess::{Command, Subprocess, SubprocessLoop};
/// use proscenium_runtime::{Context, System};
///
/// struct Office {
///     clock: Start<SubprocessLoop>,
/// }
///
/// let office = Office { clock: Subprocess::start(Command::new("sleep").arg("3600")) };
/// let outcome = System::new("office").run(|mut ctx: Context<()>| async move {
///     let clocks = [office.clock.clone().link(&mut ctx).await?, office.clock.clone().link(&mut ctx).await?];
///     assert_ne!(clocks[0].os_pid().await?, clocks[1].os_pid().await?); // Each start is another OS process.
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Debug)]
pub struct SubprocessLoop(());

impl Behaviour for SubprocessLoop {
    type Args = Command;
    type Message = SubprocessMessage;
    type Handle = Subprocess;

    fn type_name() -> &'static str {
        std::any::type_name::<Subprocess>()
    }

    async fn run(command: Command, mut ctx: Context<SubprocessMessage>, ack: InitAck) -> Result<(), ExitReason> {
        let server = Server::init(command, &mut ctx).await?;
        ack.ready();
        server.enter_loop(ctx).await
    }
}

struct Server {
    /// What it is, to be shown.
    command: String,
    controls: Controls,
    waiting: Vec<Reply<CommandResult>>,
    /// The process that waits for the command, until that has ended.
    keeper: Option<Pid>,
}

impl GenServer for Server {
    type Args = Command;
    type Message = SubprocessMessage;

    async fn init(command: Command, ctx: &mut Context<SubprocessMessage>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        if ctx.label().is_none() {
            ctx.set_label(&command.to_string());
        }
        let started = Running::start(&command, ctx.system()).await;
        let (running, controls) = started.map_err(ExitReason::init_error)?;
        let (server, logger) = (ctx.address(), ctx.logger().clone());
        let keeper = ctx.spawn_link(move |_ctx: Context<()>| async move {
            server.cast(Message::Ended(running.finish(&logger).await).into());
        });
        Ok(Server { command: command.to_string(), controls, waiting: Vec::new(), keeper: keeper.pid() })
    }

    async fn handle(
        &mut self,
        message: SubprocessMessage,
        _ctx: &mut Context<SubprocessMessage>,
    ) -> Result<(), ExitReason> {
        match message.0 {
            Message::Write(writing) => self.write(writing),
            Message::CloseInput => drop(self.controls.writings.close()),
            Message::Signal(signal) => self.order(Order::Signal(signal)),
            Message::Abort => self.order(Order::Stop),
            Message::OsPid(reply) => reply.send(self.controls.os_pid),
            Message::Result(reply) => self.waiting.push(reply),
            Message::Ended(result) => return Err(self.ended(&result)),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<SubprocessMessage>) -> Result<(), ExitReason> {
        match info {
            // Code of a user's, which made a message of its output, has failed.
            Info::Exit(exit) if Some(exit.pid) == self.keeper => {
                self.keeper = None;
                Err(exit.reason)
            }
            // What it is linked to takes it along, as it would any process.
            Info::Exit(exit) if exit.reason != ExitReason::Normal => Err(exit.reason),
            Info::Exit(_) => Ok(()),
            Info::Down(down) => {
                slog::warn!(ctx.logger(), "unexpected news"; "down" => ?down);
                Ok(())
            }
        }
    }

    /// Stops the command, if it still runs.
    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<SubprocessMessage>) {
        self.order(Order::Stop);
        while self.keeper.is_some() {
            match ctx.receive().await {
                Event::Message(SubprocessMessage(Message::Ended(result))) => drop(self.ended(&result)),
                Event::Message(SubprocessMessage(Message::Result(reply))) => self.waiting.push(reply),
                Event::Message(SubprocessMessage(Message::Signal(signal))) => self.order(Order::Signal(signal)),
                Event::Exit(exit) if Some(exit.pid) == self.keeper => self.keeper = None,
                Event::Message(_) | Event::Exit(_) | Event::Down(_) => {}
            }
        }
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, OS process {}", self.command, self.controls.os_pid)
    }

    fn format_message(message: &SubprocessMessage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{message:?}")
    }
}

impl Server {
    fn order(&self, order: Order) {
        // If nobody takes it, the command has ended.
        let _ = self.controls.orders.try_send(order);
    }

    fn write(&self, writing: Writing) {
        if let Err(refused) = self.controls.writings.try_send(writing) {
            refused.into_inner().reply.send(Err(InputError::Closed));
        }
    }

    /// Answers who waits for the end, and returns the reason for its own.
    fn ended(&mut self, result: &CommandResult) -> ExitReason {
        self.keeper = None;
        for reply in self.waiting.drain(..) {
            reply.send(result.clone());
        }
        if result.is_success() { ExitReason::Normal } else { result.failure().into() }
    }
}
