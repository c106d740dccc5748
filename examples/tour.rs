//! The point of it all, in one command: parts of a server fail, and its clients notice nothing.
//!
//! Starts the server of the `kv` example on a free port, is its own client, makes a shard and a connection panic, looks at
//! what the supervisors did about it, and stops everything in order. Whatever it says it checks first, and fails if it is
//! not so. Run it with `cargo run --example tour`.

#[path = "tour/client.rs"]
mod client;
#[path = "kv/mod.rs"]
mod kv;
#[path = "tour/news.rs"]
mod news;
#[path = "tour/picture.rs"]
mod picture;
#[path = "tour/visitor.rs"]
mod visitor;
#[path = "tour/voice.rs"]
mod voice;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use proscenium::MonitorRef;
use proscenium::prelude::*;
use slog::{Discard, Logger, o};
use smol::net::TcpListener;

use client::Client;
use kv::store::Store;
use kv::tree;
use news::News;
use picture::{Node, look};
use visitor::{Ask, visit};
use voice::Voice;

/// A tour that takes longer waits for something that does not come.
const LIMIT: Duration = Duration::from_secs(30);

/// The key that you write; on the same shard as the visitor's.
const GREETING: &str = "greeting";
/// The key that the visitor increments.
const VISITS: &str = "visits";

fn main() -> ExitCode {
    // The tour shows the reports itself, so the system need not log them.
    let silent = Logger::root(Discard, o!());
    let toured = match System::builder("tour").logger(silent).build() {
        Ok(system) => system.run(in_time),
        Err(error) => Err(error.into()),
    };
    match toured {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("the tour failed: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn in_time(mut ctx: Context<()>) -> Result<(), ExitReason> {
    let toured = ctx.sleep(LIMIT).limit(tour(&mut ctx)).await;
    toured.unwrap_or_else(|| Err(ExitReason::error("it takes too long")))
}

async fn tour(ctx: &mut Context<()>) -> Result<(), ExitReason> {
    // The tree is linked to this process, which shall see its end and not share it.
    ctx.trap_exit(true);
    let mut tour = Tour::begin(ctx).await?;
    let before = tour.shows_the_tree().await?;
    let shard = tour.writes().await?;

    let visits = tour.visitor.call(Ask::Count).await?;
    let successor = tour.makes_a_shard_panic(shard).await?;
    tour.finds_it_healed(&before, successor).await?;
    tour.visitor_goes_on(visits).await?;

    let visits = tour.visitor.call(Ask::Count).await?;
    tour.makes_its_connection_panic().await?;
    tour.visitor_goes_on(visits).await?;
    tour.stops(ctx).await
}

struct Tour {
    voice: Voice,
    system: SystemHandle,
    news: News,
    server: SocketAddr,
    you: Client,
    visitor: Address<Ask>,
}

impl Tour {
    async fn begin(ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        let news = News::of(ctx.system());
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server = socket.local_addr()?;
        let store = Arc::new(Store::new(ctx.system()));
        tree::supervisor(socket, store).start_link(ctx).await?;
        let mut you = Client::connect(server).await?;
        ensure(you.ask("PING").await? == "PONG", "the server answers")?;
        let visitor = ctx.spawn(move |ctx| visit(server, VISITS, ctx));
        visitor.call(Ask::Count).await?;
        Ok(Tour { voice: Voice::new(), system: ctx.system().clone(), news, server, you, visitor })
    }

    async fn shows_the_tree(&self) -> Result<Node, ExitReason> {
        self.voice.scene("A server, started a moment ago: processes under supervisors");
        let tree = look(&self.system, tree::ROOT).await?;
        tree.draw(&tree.pids(), self.voice);
        let server = self.server;
        let text = format!("It listens on {server}. Its clients are you and a visitor that never stops asking.");
        self.voice.say(text);
        Ok(tree)
    }

    async fn writes(&mut self) -> Result<usize, ExitReason> {
        self.voice.scene("You write something");
        self.asks(&format!("SET {GREETING} hello"), "OK").await?;
        let [shard, other] = [GREETING, VISITS].map(|key| Store::shard_of(key.as_bytes()));
        ensure(shard == other, "both keys are on one shard")?;
        let text = format!("It is kept by shard-{shard}, as is the number that the visitor counts up.");
        self.voice.say(text);
        Ok(shard)
    }

    async fn makes_a_shard_panic(&mut self, shard: usize) -> Result<Pid, ExitReason> {
        self.voice.scene("That shard panics in the middle of a command");
        let error = format!("ERR shard {shard} panicked");
        self.asks(&format!("DEBUG PANIC SHARD {shard}"), &error).await?;
        self.voice.say("Who sent the command is told. Two reports, which are values, tell the rest:");
        let (crash, failed) = self.news.crash().await?;
        news::show(&crash, &failed, self.voice);
        self.news.successor_of(&failed.offender).await
    }

    async fn finds_it_healed(&mut self, before: &Node, successor: Pid) -> Result<(), ExitReason> {
        self.voice.scene("Its supervisor has started it again, and nothing else");
        let after = look(&self.system, tree::ROOT).await?;
        after.draw(&before.pids(), self.voice);
        ensure(before.len() == after.len(), "there are as many processes as before")?;
        ensure(after.newcomers(before) == [successor], "one of them is new")?;
        self.voice.say("Its keys were kept for it. Who asked meanwhile was answered a little later:");
        self.asks(&format!("GET {GREETING}"), "hello").await
    }

    async fn makes_its_connection_panic(&mut self) -> Result<(), ExitReason> {
        self.voice.scene("Your connection's own process panics");
        let reply = self.you.ask("DEBUG PANIC").await;
        ensure(reply.is_err(), "the connection is closed, without a reply")?;
        self.voice.dialogue("DEBUG PANIC", "(the connection is closed)");
        let (crash, failed) = self.news.crash().await?;
        news::show(&crash, &failed, self.voice);
        self.voice.say("Nobody starts that one again: you connect anew.");
        self.you = Client::connect(self.server).await?;
        self.asks(&format!("GET {GREETING}"), "hello").await
    }

    /// The visitor has been served all the while, and is still.
    async fn visitor_goes_on(&self, before: u64) -> Result<(), ExitReason> {
        let mut visits = before;
        while visits < before + 100 {
            visits = self.visitor.call(Ask::Count).await?;
        }
        let more = visits - before;
        let text = format!("The visitor was answered {more} times since just before the panic, and never wrongly.");
        self.voice.say(text);
        Ok(())
    }

    async fn stops(mut self, ctx: &mut Context<()>) -> Result<(), ExitReason> {
        self.voice.scene("Everything stops, in the reverse order of its start");
        let visits = self.visitor.call(Ask::Rest).await?;
        self.asks(&format!("GET {VISITS}"), &visits.to_string()).await?;
        self.voice.say("Every visit was counted, and none twice. Now the server is told to shut down. What ends:");
        let tree = look(&self.system, tree::ROOT).await?;
        let ended = stop(&tree, ctx).await?;
        self.voice.say(format!("  {}", ended.join(", ")));
        let started = tree.all().into_iter().map(|node| &node.id);
        ensure(started.rev().eq(&ended), "the last to start is the first to end")?;
        self.you.closed().await?;
        let visitor = self.visitor.exited().await;
        ensure(visitor == ExitReason::Normal, "the visitor is content")?;
        self.voice.say("Both clients saw their connections closed, each after its last reply.");
        Ok(())
    }

    async fn asks(&mut self, command: &str, expected: &str) -> Result<(), ExitReason> {
        let reply = self.you.ask(command).await?;
        let claim = format!("{command:?} is answered with {expected:?}, not {reply:?}");
        ensure(reply == expected, &claim)?;
        self.voice.dialogue(command, &reply);
        Ok(())
    }
}

/// Stops the tree, and tells which processes have ended, in order.
async fn stop(tree: &Node, ctx: &mut Context<()>) -> Result<Vec<Arc<str>>, ExitReason> {
    let monitor = |node: &Node| (ctx.monitor(node.pid), node.id.clone());
    let ids: BTreeMap<MonitorRef, Arc<str>> = tree.all().into_iter().map(monitor).collect();
    ctx.exit(tree.pid, ExitReason::Shutdown);
    let mut ended = Vec::new();
    while ended.len() < ids.len() {
        let Event::Down(down) = ctx.receive().await else {
            continue;
        };
        let in_order = down.reason == ExitReason::Shutdown;
        ensure(in_order, "every process ends because it was told to")?;
        ended.extend(ids.get(&down.monitor).cloned());
    }
    Ok(ended)
}

/// What the tour says is so, or it fails.
fn ensure(holds: bool, claim: &str) -> Result<(), ExitReason> {
    match holds {
        true => Ok(()),
        false => Err(ExitReason::error(format!("it is not so that {claim}"))),
    }
}
