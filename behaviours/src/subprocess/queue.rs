//! Commands that run one after the other.

use std::collections::VecDeque;
use std::fmt;

use proscenium_runtime::{
    Address, Call, Context, Event, ExitReason, InitAck, Monitored, Pid, Recipient, Reply, Request, SystemHandle,
};

use super::command::Command;
use super::running::{Controls, Order, Running};
use super::status::{CommandError, CommandResult};
use crate::behaviour::{Behaviour, Start};
use crate::gen_server::{GenServer, Info};
use crate::sys::Sys;

/// What a queue answers.
type Outcome = Result<CommandResult, CommandError>;

/// A process that runs commands, each once, in the order in which it was given them; Thespian's `RunCommand`.
///
/// When it is told to stop, it stops the command that runs, whose caller gets the result; who waits for a later one hears of the
/// queue's end. Cheap to clone.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::subprocess::{Command, CommandQueue};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// let outcome = System::new("builder").run(|mut ctx: Context<()>| async move {
///     let queue = CommandQueue::start().link(&mut ctx).await?;
///     let mut first = queue.submit(&Command::shell("echo first"));
///     let second = queue.run(&Command::new("no-such-program")).await?;
///     assert_eq!(second.unwrap_err().to_string(), "there is no program `no-such-program`");
///     let first = first.wait(Duration::ZERO).await.expect("it ran before the second")??;
///     assert_eq!(first.stdout.to_string(), "first\n");
///     Ok::<_, ExitReason>(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CommandQueue {
    server: Address<CommandQueueMessage>,
}

impl CommandQueue {
    /// A start of an empty queue.
    pub fn start() -> Start<CommandQueueLoop> {
        Start::new(())
    }

    /// Whoever has the name when it is used; so it survives a restart. Nobody need have it yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, CommandQueue};
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// let outcome = System::new("builder").run(|mut ctx: Context<()>| async move {
    ///     CommandQueue::start().name("builds").link(&mut ctx).await?;
    ///     let builds = CommandQueue::named(ctx.system(), "builds"); // Anywhere in the system.
    ///     assert!(builds.run(&Command::new("true")).await??.is_success());
    ///     assert_eq!(builds.pid(), builds.address().pid());
    ///     builds.sys().stop(ExitReason::Normal).await?;
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn named(system: &SystemHandle, name: &str) -> Self {
        system.named(name).into()
    }

    /// Has the command run when all before it have ended, and waits for its result. Waits 5 s unless told otherwise: give it the
    /// [time](Call::timeout) that it and those before it take.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError) and, if the command does not begin, [`CommandError`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the command in the queue; its result is lost.
    pub fn run(&self, command: &Command) -> Call<'_, CommandQueueMessage, Outcome> {
        let command = Box::new(command.clone());
        self.server.call(|reply| Message::Run(Job { command, reply }).into())
    }

    /// As [`run`](Self::run), but the command is in the queue when this returns, and its result is waited for later.
    pub fn submit(&self, command: &Command) -> Request<Outcome> {
        let command = Box::new(command.clone());
        self.server.send_request(|reply| Message::Run(Job { command, reply }).into())
    }

    /// Stops the command that runs now, if one does. Its result follows, and the next begins.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, CommandQueue};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("builder").run(|mut ctx: Context<u32>| async move {
    ///     let queue = CommandQueue::start().link(&mut ctx).await?;
    ///     let endless = Command::new("sleep").arg("3600").report_on_start(&ctx.address(), |os_pid| os_pid);
    ///     let endless = queue.submit(&endless);
    ///     let next = queue.submit(&Command::new("true"));
    ///     ctx.receive_message().await; // It runs.
    ///     queue.abort();
    ///     assert!(!endless.await??.is_success());
    ///     assert!(next.await??.is_success());
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn abort(&self) {
        self.server.cast(Message::Abort.into());
    }

    /// The address of its process.
    pub fn address(&self) -> &Address<CommandQueueMessage> {
        &self.server
    }

    /// To look after its process.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::subprocess::{Command, CommandQueue};
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("builder").run(|mut ctx: Context<()>| async move {
    ///     let queue = CommandQueue::start().link(&mut ctx).await?;
    ///     queue.sys().suspend().await?; // Nothing is built for a while.
    ///     let waits = queue.submit(&Command::new("true"));
    ///     queue.sys().resume().await?;
    ///     assert!(waits.await??.is_success());
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn sys(&self) -> Sys {
        Sys::new(&self.server.system(), &self.server)
    }

    /// The pid of its process; `None` if nobody has its name.
    pub fn pid(&self) -> Option<Pid> {
        self.server.pid()
    }
}

impl From<Address<CommandQueueMessage>> for CommandQueue {
    fn from(server: Address<CommandQueueMessage>) -> Self {
        CommandQueue { server }
    }
}

impl From<&CommandQueue> for Recipient {
    fn from(queue: &CommandQueue) -> Self {
        (&queue.server).into()
    }
}

impl<'a> From<&'a CommandQueue> for Monitored<'a> {
    fn from(queue: &'a CommandQueue) -> Self {
        (&queue.server).into()
    }
}

impl fmt::Debug for CommandQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandQueue({})", self.server)
    }
}

/// What a [`CommandQueue`] takes.
///
/// # Examples
///
/// Nobody makes one but a queue's methods. The address that takes it is as good as the queue:
///
/// ```
/// use proscenium_behaviours::subprocess::{CommandQueue, CommandQueueMessage};
/// use proscenium_runtime::{Address, Context, System};
///
/// let outcome = System::new("builder").run(|mut ctx: Context<()>| async move {
///     let queue = CommandQueue::start().link(&mut ctx).await?;
///     let address: Address<CommandQueueMessage> = queue.address().clone();
///     assert!(CommandQueue::from(address) == queue);
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct CommandQueueMessage(Message);

enum Message {
    Run(Job),
    Abort,
    /// From the process that waits for the command.
    Done(CommandResult),
}

impl From<Message> for CommandQueueMessage {
    fn from(message: Message) -> Self {
        CommandQueueMessage(message)
    }
}

impl fmt::Debug for CommandQueueMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Message::Run(job) => write!(f, "Run({})", job.command),
            Message::Abort => f.write_str("Abort"),
            Message::Done(result) => write!(f, "Done({})", result.status),
        }
    }
}

/// The behaviour that runs a [`CommandQueue`].
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::Start;
/// use proscenium_behaviours::subprocess::{Command, CommandQueue, CommandQueueLoop};
/// use proscenium_runtime::{Context, System};
///
/// struct Builder {
///     queue: Start<CommandQueueLoop>,
/// }
///
/// let builder = Builder { queue: CommandQueue::start().name("builds") };
/// let outcome = System::new("builder").run(|mut ctx: Context<()>| async move {
///     let queue = builder.queue.clone().link(&mut ctx).await?; // And again, after its end.
///     assert!(queue.run(&Command::new("true")).await??.is_success());
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Debug)]
pub struct CommandQueueLoop(());

impl Behaviour for CommandQueueLoop {
    type Args = ();
    type Message = CommandQueueMessage;
    type Handle = CommandQueue;

    fn type_name() -> &'static str {
        std::any::type_name::<CommandQueue>()
    }

    async fn run(args: (), mut ctx: Context<CommandQueueMessage>, ack: InitAck) -> Result<(), ExitReason> {
        let server = Server::init(args, &mut ctx).await?;
        ack.ready();
        server.enter_loop(ctx).await
    }
}

struct Job {
    command: Box<Command>,
    reply: Reply<Outcome>,
}

#[derive(Default)]
struct Server {
    waiting: VecDeque<Job>,
    current: Option<Current>,
}

/// The command that runs.
struct Current {
    /// The process that waits for it.
    keeper: Option<Pid>,
    controls: Controls,
    reply: Reply<Outcome>,
}

impl GenServer for Server {
    type Args = ();
    type Message = CommandQueueMessage;

    async fn init(_args: (), ctx: &mut Context<CommandQueueMessage>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        Ok(Server::default())
    }

    async fn handle(
        &mut self,
        message: CommandQueueMessage,
        ctx: &mut Context<CommandQueueMessage>,
    ) -> Result<(), ExitReason> {
        match message.0 {
            Message::Run(job) => self.waiting.push_back(job),
            Message::Abort => self.stop_current(),
            Message::Done(result) => self.done(result),
        }
        self.begin(ctx).await;
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<CommandQueueMessage>) -> Result<(), ExitReason> {
        match info {
            // Code of a user's, which made a message of its output, has failed: that fails the one command.
            Info::Exit(exit) if self.is_keeper(exit.pid) => {
                self.current = None;
                self.begin(ctx).await;
                Ok(())
            }
            Info::Exit(exit) if exit.reason != ExitReason::Normal => Err(exit.reason),
            Info::Exit(_) | Info::Down(_) => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<CommandQueueMessage>) {
        self.stop_current();
        while self.current.is_some() {
            match ctx.receive().await {
                Event::Message(CommandQueueMessage(Message::Done(result))) => self.done(result),
                Event::Exit(exit) if self.is_keeper(exit.pid) => self.current = None,
                Event::Message(_) | Event::Exit(_) | Event::Down(_) => {}
            }
        }
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commands waiting", self.waiting.len())
    }

    fn format_message(message: &CommandQueueMessage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{message:?}")
    }
}

impl Server {
    /// Starts the next command, if none runs.
    async fn begin(&mut self, ctx: &mut Context<CommandQueueMessage>) {
        while self.current.is_none()
            && let Some(Job { command, reply }) = self.waiting.pop_front()
        {
            let (running, controls) = match Running::start(&command, ctx.system()).await {
                Ok(started) => started,
                Err(error) => {
                    reply.send(Err(error));
                    continue;
                }
            };
            let (server, logger) = (ctx.address(), ctx.logger().clone());
            let keeper = ctx.spawn_link(move |_ctx: Context<()>| async move {
                server.cast(Message::Done(running.finish(&logger).await).into());
            });
            self.current = Some(Current { keeper: keeper.pid(), controls, reply });
        }
    }

    fn stop_current(&self) {
        if let Some(current) = &self.current {
            // If nobody takes it, the command has ended.
            let _ = current.controls.orders.try_send(Order::Stop);
        }
    }

    fn done(&mut self, result: CommandResult) {
        if let Some(current) = self.current.take() {
            current.reply.send(Ok(result));
        }
    }

    fn is_keeper(&self, pid: Pid) -> bool {
        self.current.as_ref().is_some_and(|current| current.keeper == Some(pid))
    }
}
