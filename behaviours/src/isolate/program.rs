//! The program, which is started a second time for a server.

use std::any::type_name;
use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::OnceLock;
use std::thread;

use proscenium_runtime::crossing::{CrossingError, control_frame, read_control};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Resource, Rlimit, Signal, getpgrp, getpid, getrlimit, kill_process_group, setrlimit};
use rustix::stdio::dup2_stdin;

use super::words::{FromServer, Launch, Obstacle, Order};
use super::{Isolatable, IsolateError, Limits, warden};

/// The first argument of a program that was started for a server. Not a variable of the environment: those are inherited by
/// whatever the server starts in turn.
const MARK: &str = "--proscenium-isolated";

/// Most bytes of the first word.
const MOST_OF_ORDER: usize = 1024 * 1024;

/// The servers that this program has named; it is one program, however many systems are in it.
static SERVERS: OnceLock<Vec<Server>> = OnceLock::new();

/// A server that [`init`] can run; made by [`server`].
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::isolate;
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// fn main() {
///     let servers: [isolate::Server; 1] = [isolate::server::<Depth>()];
///     assert!(format!("{servers:?}").contains("Depth")); // What it is called in the other OS process.
///     isolate::init(servers);
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Server {
    name: &'static str,
    run: fn(UnixStream, Order) -> io::Result<()>,
}

/// Names a server for [`init`].
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// fn main() -> Result<(), ExitReason> {
///     isolate::init([isolate::server::<Depth>()]); // One for each server that may be isolated.
///     System::new("brackets").run(|mut ctx: Context<()>| async move {
///         assert!(isolate::<Depth>(()).link(&mut ctx).await.is_ok());
///         Ok(())
///     })
/// }
/// ```
pub fn server<S: Isolatable>() -> Server {
    Server { name: type_name::<S>(), run: warden::run::<S> }
}

/// Says which servers may run in OS processes of their own. It comes first in `main`.
///
/// In a program that was started to run a server this does so, and never returns; in any other it returns at once. What stands
/// before it in `main` is done in each of the OS processes.
///
/// # Panics
/// If it is called a second time.
///
/// # Examples
///
/// A program that has not named a server hears of it when it wants to start that:
///
/// ```
/// use proscenium_behaviours::isolate::{self, isolate};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// # mod depth { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/depth.rs")); }
/// # use depth::*;
/// fn main() -> Result<(), ExitReason> {
///     isolate::init([]);
///     System::new("brackets").run(|mut ctx: Context<()>| async move {
///         let error = isolate::<Depth>(()).link(&mut ctx).await.unwrap_err();
///         assert!(error.to_string().contains("add isolate::server::<"));
///         Ok(())
///     })
/// }
/// ```
pub fn init(servers: impl IntoIterator<Item = Server>) {
    let servers = servers.into_iter().collect();
    assert!(SERVERS.set(servers).is_ok(), "isolate::init was called twice");
    if env::args_os().nth(1).is_some_and(|argument| argument == MARK) {
        match serve() {
            Ok(()) => process::exit(0),
            Err(error) => {
                // There may be nobody to tell it to.
                let _ = writeln!(io::stderr(), "{MARK}: {error}");
                process::exit(2)
            }
        }
    }
}

/// Makes `command` start a program for `server`, whose name is there for whoever lists the OS's processes.
pub(super) fn mark(command: &mut Command, server: &str) {
    command.args([MARK, server]);
    if let Some(name) = env::args_os().next() {
        std::os::unix::process::CommandExt::arg0(command, name);
    }
}

/// What to start for a server of type `S`.
pub(super) fn launch<S: Isolatable>(limits: &Limits) -> Result<Launch, IsolateError> {
    let server = type_name::<S>();
    if let Some(program) = &limits.program {
        return Ok(Launch { program: program.clone(), server });
    }
    let servers = SERVERS.get().ok_or(IsolateError::NoInit)?;
    if servers.iter().all(|known| known.name != server) {
        return Err(IsolateError::UnknownServer { server: server.to_owned() });
    }
    let program = this_program();
    let program =
        program.map_err(|error| IsolateError::NotStarted { server: server.to_owned(), cause: error.to_string() })?;
    Ok(Launch { program, server })
}

/// What runs here, also if another file has taken its place since, say that of a newer version.
#[cfg(target_os = "linux")]
fn this_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

#[cfg(not(target_os = "linux"))]
fn this_program() -> io::Result<PathBuf> {
    env::current_exe()
}

/// Runs the server that the parent asks for.
fn serve() -> io::Result<()> {
    let mut stream = take_stdin()?;
    end_with_parent(stream.try_clone()?)?;
    say(&stream, &FromServer::Hello)?;
    let order: Order = read_order(&mut stream)?;
    if let Err(obstacle) = limit_memory(order.memory_limit) {
        return say(&stream, &FromServer::NotStarted(obstacle));
    }
    match SERVERS.get().into_iter().flatten().find(|server| server.name == order.server) {
        Some(server) => (server.run)(stream, order),
        None => say(&stream, &FromServer::NotStarted(Obstacle::UnknownServer)),
    }
}

/// Standard input is the socket. It is taken, and empty from now on: neither the server nor what that starts shall read it.
fn take_stdin() -> io::Result<UnixStream> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.peer_addr().map_err(|_| io::Error::other("only Proscenium starts a program so"))?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(stream)
}

/// From now on this OS process ends with its parent, whatever it does. A thread of its own waits for that: one that can be waiting
/// for nothing else.
fn end_with_parent(stream: UnixStream) -> io::Result<()> {
    let wait = move || {
        loop {
            // What is always told: that the other end is gone.
            let mut hung_up = [PollFd::new(&stream, PollFlags::empty())];
            if poll(&mut hung_up, None).is_ok() && !hung_up[0].revents().is_empty() {
                kill_all();
            }
        }
    };
    thread::Builder::new().name("end-with-parent".to_owned()).spawn(wait)?;
    Ok(())
}

/// Kills this OS process, and what it has started.
fn kill_all() -> ! {
    if getpgrp() == getpid() {
        let _ = kill_process_group(getpid(), Signal::KILL);
    }
    process::abort()
}

fn limit_memory(limit: Option<u64>) -> Result<(), Obstacle> {
    let Some(limit) = limit else { return Ok(()) };
    let Rlimit { maximum, .. } = getrlimit(Resource::Data);
    let limit = maximum.map_or(limit, |maximum| maximum.min(limit));
    setrlimit(Resource::Data, Rlimit { current: Some(limit), maximum: Some(limit) })
        .map_err(|error| Obstacle::MemoryLimit(error.to_string()))
}

fn read_order(stream: &mut UnixStream) -> io::Result<Order> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MOST_OF_ORDER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    read_control(&frame).map_err(io::Error::other::<CrossingError>)
}

/// Says a word while there is no border yet.
pub(super) fn say(mut stream: &UnixStream, word: &FromServer) -> io::Result<()> {
    stream.write_all(&control_frame(word).map_err(io::Error::other)?)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.name).finish()
    }
}
