//! Who speaks for the server in its own OS process: the other end of the [proxy](super::proxy).
//!
//! It is the server's parent here, so that what the parent there orders is the parent's order. When the server ends, it says so as
//! its last word, and the OS process ends.

use std::any::type_name;
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_channel::Receiver;
use futures_lite::future;
use proscenium_runtime::crossing::{Border, CrossingError, Received};
use proscenium_runtime::{
    Address, Context, DeadLetter, DeadReason, Event, ExitReason, Pid, Recipient, Report, StartError, System,
};

use super::Isolatable;
use super::program::say;
use super::records::{self, Way};
use super::resident::{FromParent, Post, Resident};
use super::wire::{Closed, Wire};
use super::words::{FromServer, Lost, Obstacle, Order, To, ToServer};
use crate::gen_server::GenServer;
use crate::sys::Sys;

/// One runs the server. Should that never await, the other speaks for it.
const WORKERS: usize = 2;

/// So long is waited for what the server has sent before its end.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs a server of type `S`, from its arguments to its last word.
pub(super) fn run<S: Isolatable>(stream: UnixStream, order: Order) -> io::Result<()> {
    let way = Arc::new(Way::default());
    let logger = records::logger(order.level, order.identity, stream.try_clone()?, way.clone());
    let system = match System::builder(&order.system).workers(WORKERS).logger(logger).build() {
        Ok(system) => system,
        Err(error) => return say(&stream, &FromServer::NotStarted(Obstacle::System(error.to_string()))),
    };
    let warden = system.spawn(move |ctx| async move { attend::<S>(ctx, stream, order.frame_limit, &way).await });
    let ended = future::block_on(warden.exited());
    // All of it ends now, with the OS process: nobody is waited for.
    std::mem::forget(system);
    if ended == ExitReason::Normal { Ok(()) } else { Err(io::Error::other(ended.to_string())) }
}

async fn attend<S: Isolatable>(
    mut ctx: Context<()>,
    stream: UnixStream,
    frame_limit: usize,
    way: &Way,
) -> Result<(), ExitReason> {
    ctx.trap_exit(true);
    let border = Border::new(ctx.as_parent(), frame_limit);
    let post = Arc::new(Post::new(border.clone(), way.server.clone()));
    way.border.get_or_init(|| border.clone());
    let news = News { dead_letters: ctx.system().dead_letters(), reports: ctx.system().reports() };
    let mut warden = Warden::<S> { border, post, wire: Wire::new(stream)?, news };
    let word = match warden.start(&mut ctx).await? {
        Ok(server) => {
            warden.say(&FromServer::Started);
            let server = server.pid().expect("it is the address of a process");
            let reason = warden.serve(&mut ctx, server).await?;
            // What it has sent goes before its end. Only other processes that never await could hold it up.
            ctx.sleep(LAST_WORDS_TIMEOUT).limit(warden.border.settled()).await;
            warden.say_last_of(server, &reason);
            FromServer::Ended(reason)
        }
        Err(obstacle) => FromServer::NotStarted(obstacle),
    };
    warden.say(&word);
    warden.wire.flush(&warden.border).await?;
    Ok(())
}

struct Warden<S: Isolatable> {
    border: Arc<Border>,
    post: Arc<Post<S::Message>>,
    wire: Wire,
    news: News,
}

/// What this system has to say of itself.
struct News {
    dead_letters: Receiver<DeadLetter>,
    reports: Receiver<Report>,
}

impl<S: Isolatable> Warden<S> {
    fn say(&self, word: &FromServer) {
        if let Err(error) = self.border.send_control(word) {
            slog::warn!(self.border.system().logger(), "a word does not cross"; "reason" => %error);
        }
    }

    async fn start(&mut self, ctx: &mut Context<()>) -> Result<Result<Address<S::Message>, Obstacle>, ExitReason> {
        let args = match self.arguments().await? {
            Ok(args) => args,
            Err(error) => return Ok(Err(Obstacle::Init(error.into()))),
        };
        let parent = ctx.as_parent();
        let resident = Resident::<S>::start((args, self.post.clone())).feed(FromParent::new(self.post.clone()));
        let mut starting = pin!(resident.link_to(&parent));
        // Its init may ask others, there.
        let started = loop {
            let next = future::or(async { Some(starting.as_mut().await) }, async {
                self.exchange().await.err().map(|error| Err(StartError::Init(error.into())))
            });
            if let Some(started) = next.await {
                break started;
            }
            self.take_frames(drop)?;
        };
        Ok(started.map_err(|error| match error {
            StartError::Ignored => Obstacle::Ignored,
            StartError::Init(reason) => Obstacle::Init(reason),
            error => Obstacle::Init(error.into()),
        }))
    }

    /// The first word: what the server is given.
    async fn arguments(&mut self) -> Result<Result<S::Args, CrossingError>, ExitReason> {
        loop {
            let border = self.border.clone();
            let word = self.wire.with_frame(&border, |frame| match border.receive(frame)? {
                Received::Control(control) => Ok::<_, CrossingError>(Some(border.open::<S::Args>(control))),
                _ => Ok(None),
            });
            if let Some(word) = word?.transpose()?.flatten() {
                return Ok(word);
            }
            self.exchange().await?;
        }
    }

    /// Stands between the server and the parent until the server has ended, and returns why it has.
    async fn serve(&mut self, ctx: &mut Context<()>, server: Pid) -> Result<ExitReason, ExitReason> {
        loop {
            self.take_frames(|word| match word {
                ToServer::Exit { reason, from_parent: true } => ctx.exit(server, reason),
                ToServer::Exit { reason, from_parent: false } => ctx.system().exit(server, reason),
                ToServer::Stop(reason) => {
                    let sys = Sys::new(ctx.system(), server);
                    // Its end is told by its link.
                    ctx.spawn(|_ctx: Context<()>| async move { drop(sys.stop(reason).await) });
                }
            })?;
            let dead_letters = self.news.dead_letters.clone();
            let exchanged = async { Happening::Exchanged(self.exchange().await) };
            let event = async { Happening::Event(ctx.receive().await) };
            let lost = async {
                match dead_letters.recv().await {
                    Ok(letter) => Happening::Lost(letter),
                    Err(_) => future::pending().await,
                }
            };
            match future::race(future::or(event, lost), exchanged).await {
                Happening::Exchanged(exchanged) => exchanged?,
                Happening::Event(Event::Exit(exit)) if exit.pid == server => return Ok(exit.reason),
                Happening::Event(Event::Down(down)) => self.border.tell_down(&down),
                Happening::Event(Event::Exit(_) | Event::Message(())) => {}
                Happening::Lost(letter) => self.pass_on(server, &letter),
            }
        }
    }

    async fn exchange(&mut self) -> io::Result<()> {
        let post = &self.post;
        match self.wire.exchange(&self.border, || post.tell_progress()).await {
            Ok(()) => Ok(()),
            // There is no parent any more: this OS process is about to be killed.
            Err(Closed::End) => future::pending().await,
            Err(Closed::Failed(error)) => Err(error),
        }
    }

    /// Delivers what has come, and calls `obey` with each word.
    fn take_frames(&mut self, mut obey: impl FnMut(ToServer)) -> Result<(), ExitReason> {
        let border = self.border.clone();
        loop {
            let came = self.wire.with_frame(&border, |frame| {
                Ok::<_, CrossingError>(match border.receive(frame)? {
                    Received::Done => Came::Nothing,
                    Received::Main(message) => Came::Message(border.open_main(message)),
                    Received::Control(control) => Came::Word(border.open(control)?),
                })
            });
            match came?.transpose()? {
                None => return Ok(()),
                Some(Came::Nothing) => {}
                Some(Came::Message(Ok(message))) => self.post.put(message),
                Some(Came::Message(Err(error))) => {
                    slog::warn!(self.border.system().logger(), "a message that crossed cannot be read"; "reason" => %error);
                    let (message_type, reason) = (type_name::<S::Message>().to_owned(), DeadReason::NotCarried);
                    self.say(&FromServer::DeadLetter(Lost { to: To::Server, message_type, reason }));
                    self.post.skip();
                }
                Some(Came::Word(word)) => obey(word),
            }
        }
    }

    fn pass_on(&self, server: Pid, letter: &DeadLetter) {
        let to = match &letter.target {
            Recipient::Process(pid) if *pid == server => To::Server,
            Recipient::Process(pid) => {
                self.border.stands_for(*pid).map_or_else(|| To::Theirs(letter.target.to_string()), To::Yours)
            }
            target => To::Theirs(target.to_string()),
        };
        let (message_type, reason) = (letter.message_type.to_owned(), letter.reason);
        self.say(&FromServer::DeadLetter(Lost { to, message_type, reason }));
    }

    /// What is to be told of a server that has ended: what it has left, and how it was when it failed.
    fn say_last_of(&self, server: Pid, reason: &ExitReason) {
        while let Ok(letter) = self.news.dead_letters.try_recv() {
            self.pass_on(server, &letter);
        }
        self.post.tell_progress();
        while let Ok(report) = self.news.reports.try_recv() {
            let Report::Terminate(report) = report else { continue };
            if report.pid == server {
                self.say(&FromServer::Terminated {
                    reason: reason.clone(),
                    state: report.state.to_string(),
                    last_message: report.last_message.as_deref().map(str::to_owned),
                    log: report.log.clone(),
                });
            }
        }
    }
}

/// What came with a frame.
enum Came<M> {
    Nothing,
    Message(Result<M, CrossingError>),
    Word(ToServer),
}

enum Happening {
    Exchanged(io::Result<()>),
    Event(Event<()>),
    Lost(DeadLetter),
}
