//! A server that does whatever it is told, and others like it.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::num::ParseIntError;
use std::process::{Command, abort, exit};

use proscenium::MonitorRef;
use proscenium::isolate::{self, Server, isolate};
use proscenium::prelude::*;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn servers() -> Vec<Server> {
    vec![
        isolate::server::<Workshop>(),
        isolate::server::<Reluctant>(),
        isolate::server::<Asker>(),
        isolate::server::<Nest>(),
        isolate::server::<crate::example::Parser>(),
    ]
}

/// Does whatever it is told.
pub(crate) struct Workshop {
    traps: bool,
    addresses: Vec<Address<Note>>,
    replies: Vec<Reply<u64>>,
    monitored: HashMap<MonitorRef, Address<Note>>,
    seen: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Do {
    Panic(String),
    Fail,
    Abort,
    AbortFor(Reply<u64>),
    Segfault,
    Overflow,
    Exit(i32),
    Spin,
    /// Says that it spins, and does so.
    SpinAfter(Address<Note>),
    Allocate(usize),
    Garble,
    Stop,
    OsPid(Reply<u32>),
    Echo(Vec<u8>, Reply<Vec<u8>>),
    Seen(Reply<u64>),
    Add(u64),
    /// Keeps the reply.
    Keep(Reply<u64>),
    /// Answers all that it has kept.
    AnswerKept(u64),
    DropKept,
    AreKeptWanted(Reply<Vec<bool>>),
    /// Has a process of its own answer.
    AnswerBySomebody(Reply<u64>),
    /// Passes the reply on, to somebody elsewhere.
    PassOn(Address<Note>, Reply<u64>),
    Tell(Address<Note>, Vec<u64>),
    Call(Address<Note>, Reply<Result<u64, String>>),
    Remember(Address<Note>, Reply<bool>),
    GiveBack(Reply<Address<Note>>),
    Myself(Reply<Address<Do>>),
    Forget,
    /// Monitors the first, and tells the second how it ends.
    Monitor(Address<Note>, Address<Note>),
    /// Has a process of its own link to it, which ends so once it is told by the address that it sends.
    Link(Address<Note>, Reply<Address<Note>>),
    /// Sends it the signal that cannot be trapped.
    Kill(Address<Note>),
    LinkItself(Address<Note>, Reply<()>),
    Log,
    LogAndAbort,
    SendToTheDead(Reply<()>),
    StartCommand(Reply<u32>),
    Odd(Odd),
}

/// What others are sent.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Note {
    Number(u64),
    Text(String),
    Ask(AskNumber),
}

/// A reply that compares.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AskNumber(pub(crate) Reply<u64>);

impl PartialEq for AskNumber {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

/// What does not cross as it should.
#[derive(Debug)]
pub(crate) enum Odd {
    Unserializable,
    Unreadable,
}

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Odd::Unserializable => Err(serde::ser::Error::custom("no")),
            Odd::Unreadable => serializer.serialize_u8(0),
        }
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("no"))
    }
}

#[derive(Debug)]
struct Blunt(ParseIntError);

impl fmt::Display for Blunt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the saw is blunt")
    }
}

impl Error for Blunt {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl GenServer for Workshop {
    /// Whether it traps exits.
    type Args = bool;
    type Message = Do;

    async fn init(traps: bool, ctx: &mut Context<Do>) -> Result<Self, ExitReason> {
        ctx.trap_exit(traps);
        Ok(Workshop { traps, addresses: Vec::new(), replies: Vec::new(), monitored: HashMap::new(), seen: 0 })
    }

    async fn handle(&mut self, message: Do, ctx: &mut Context<Do>) -> Result<(), ExitReason> {
        self.seen += 1;
        match message {
            Do::Panic(text) => panic!("{text}"),
            Do::Fail => return Err(Blunt("x".parse::<u8>().unwrap_err()).into()),
            Do::Abort | Do::AbortFor(_) => abort(),
            Do::Segfault => segfault(),
            Do::Overflow => drop(overflow(1)),
            Do::Exit(status) => exit(status),
            Do::Spin => spin(),
            Do::SpinAfter(address) => {
                address.cast(Note::Number(1));
                // What it says is on its way before it stops to listen.
                ctx.sleep(std::time::Duration::ZERO).await;
                spin();
            }
            Do::Allocate(bytes) => drop(std::hint::black_box(vec![1_u8; bytes])),
            Do::Garble => garble(),
            Do::Stop => return Err(ExitReason::Normal),
            Do::OsPid(reply) => reply.send(std::process::id()),
            Do::Echo(bytes, reply) => reply.send(bytes),
            Do::Seen(reply) => reply.send(self.seen),
            Do::Add(number) => assert_eq!(number + 1, self.seen, "they come in order"),
            Do::Keep(reply) => self.replies.push(reply),
            Do::AnswerKept(number) => self.replies.drain(..).for_each(|reply| reply.send(number)),
            Do::DropKept => self.replies.clear(),
            Do::AreKeptWanted(reply) => reply.send(self.replies.iter().map(Reply::is_wanted).collect()),
            Do::AnswerBySomebody(reply) => {
                ctx.spawn(|_ctx: Context<()>| async move { reply.send(7) });
            }
            Do::PassOn(to, reply) => to.cast(Note::Ask(AskNumber(reply))),
            Do::Tell(to, numbers) => numbers.into_iter().for_each(|number| to.cast(Note::Number(number))),
            Do::Call(whom, reply) => {
                let answer = whom.call(|reply| Note::Ask(AskNumber(reply))).await;
                reply.send(answer.map_err(|error| error.to_string()));
            }
            Do::Remember(address, reply) => {
                reply.send(self.addresses.contains(&address));
                self.addresses.push(address);
            }
            Do::GiveBack(reply) => reply.send(self.addresses.remove(0)),
            Do::Myself(reply) => reply.send(ctx.address()),
            Do::Forget => self.addresses.clear(),
            Do::Monitor(whom, tell) => {
                let monitor = ctx.monitor(&whom);
                self.monitored.insert(monitor, tell);
                self.addresses.push(whom);
            }
            Do::Link(to, reply) => {
                let linked = ctx.spawn(|mut ctx: Context<Note>| async move {
                    ctx.link(&to);
                    match ctx.receive_message().await {
                        Note::Text(reason) => Err(ExitReason::error(reason)),
                        note => unreachable!("{note:?}"),
                    }
                });
                reply.send(linked);
            }
            Do::Kill(whom) => ctx.exit(&whom, ExitReason::Kill),
            Do::LinkItself(to, reply) => {
                ctx.link(&to);
                self.addresses.push(to);
                reply.send(());
            }
            Do::Log => slog::info!(ctx.logger(), "sawing"; "boards" => 3_u64, "wood" => "oak"),
            Do::LogAndAbort => {
                slog::info!(ctx.logger(), "the last");
                abort();
            }
            Do::SendToTheDead(reply) => {
                let dead = ctx.spawn(|_ctx: Context<Note>| async {});
                dead.exited().await;
                dead.cast(Note::Number(1));
                reply.send(());
            }
            Do::StartCommand(reply) => {
                let command = Command::new("sleep").arg("120").spawn()?;
                reply.send(command.id());
            }
            Do::Odd(odd) => unreachable!("{odd:?}"),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Do>) -> Result<(), ExitReason> {
        if let Info::Down(down) = info
            && let Some(tell) = self.monitored.remove(&down.monitor)
        {
            tell.cast(Note::Text(down.reason.to_string()));
        }
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, _ctx: &mut Context<Do>) {
        assert!(self.traps || reason.is_crash() || *reason == ExitReason::Normal);
        for address in &self.addresses {
            address.cast(Note::Text(format!("bye: {reason}")));
        }
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seen", self.seen)
    }
}

/// As a fault in a C library would: again, until nothing handles it any more.
fn segfault() -> ! {
    loop {
        kill_process(getpid(), Signal::SEGV).expect("it is our own");
    }
}

#[expect(unconditional_recursion, reason = "it is meant to")]
fn overflow(n: u64) -> u64 {
    let room = std::hint::black_box([n; 1024]);
    overflow(n + 1) + room[1023]
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Writes what is no frame to wherever the socket may be.
fn garble() {
    use std::io::Write;
    use std::os::unix::fs::FileTypeExt;
    for entry in std::fs::read_dir("/dev/fd").expect("there is one").flatten() {
        let is_socket = std::fs::metadata(entry.path()).is_ok_and(|file| file.file_type().is_socket());
        let number = entry.file_name().to_string_lossy().parse::<i32>();
        if let (true, Ok(number)) = (is_socket, number) {
            duplicate(number).write_all(&[0xff; 64]).expect("it has room");
        }
    }
}

/// A descriptor of this OS process, by its number, got from itself as from any other.
fn duplicate(number: i32) -> std::fs::File {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
    let itself = pidfd_open(getpid(), PidfdFlags::empty()).expect("it lives");
    pidfd_getfd(itself, number, PidfdGetfdFlags::empty()).expect("it is open").into()
}

/// Does not start.
pub(crate) struct Reluctant;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum How {
    Ignore,
    Error,
    Quietly,
    Panic,
    Abort,
    Never,
}

impl GenServer for Reluctant {
    type Args = How;
    type Message = ();

    async fn init(how: How, _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        match how {
            How::Ignore => Err(ExitReason::Ignore),
            How::Error => Err(ExitReason::error("no licence")),
            How::Quietly => Err(ExitReason::init_error("port taken")),
            How::Panic => panic!("no licence"),
            How::Abort => abort(),
            How::Never => std::future::pending().await,
        }
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        Ok(())
    }
}

/// Asks for a number when it starts.
pub(crate) struct Asker(u64);

impl GenServer for Asker {
    type Args = Address<Note>;
    type Message = Reply<u64>;

    async fn init(desk: Address<Note>, _ctx: &mut Context<Reply<u64>>) -> Result<Self, ExitReason> {
        Ok(Asker(desk.call(|reply| Note::Ask(AskNumber(reply))).await?))
    }

    async fn handle(&mut self, reply: Reply<u64>, _ctx: &mut Context<Reply<u64>>) -> Result<(), ExitReason> {
        reply.send(self.0);
        Ok(())
    }
}

/// Isolates a workshop of its own, and tells who is who.
pub(crate) struct Nest(Address<Do>);

impl GenServer for Nest {
    type Args = ();
    type Message = Reply<(u32, u32)>;

    async fn init(_args: (), ctx: &mut Context<Self::Message>) -> Result<Self, ExitReason> {
        Ok(Nest(isolate::<Workshop>(false).link(ctx).await?))
    }

    async fn handle(&mut self, reply: Self::Message, _ctx: &mut Context<Self::Message>) -> Result<(), ExitReason> {
        reply.send((std::process::id(), self.0.call(Do::OsPid).await?));
        Ok(())
    }
}
