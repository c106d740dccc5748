//! Four shards, each with a table that outlives it.

use std::time::Duration;

use proscenium::prelude::*;
use proscenium::{Keeper, Kept, TaskSupervisor, TaskSupervisorRef};
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kv::operation::Operation;
use crate::kv::table::Table;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

// ANCHOR: shard
pub(crate) enum Ask {
    Do(Operation, Reply<Value>),
    Sweep,
}

pub(crate) struct Shard {
    table: Kept<Table>,
}

impl GenServer for Shard {
    type Args = Keeper<Table>;
    type Message = Ask;

    async fn init(keeper: Keeper<Table>, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        ctx.send_interval(Duration::from_secs(1), || Ask::Sweep);
        // An operation that panics leaves the table whole: its methods decide before they write.
        Ok(Shard { table: keeper.claim(|_| true, Table::default)? })
    }

    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        let now = ctx.system().now();
        match message {
            Ask::Do(operation, reply) => reply.send(operation.apply(&mut self.table, now)),
            Ask::Sweep => {
                self.table.remove_expired(now);
            }
        }
        Ok(())
    }
}
// ANCHOR_END: shard

// ANCHOR: tree
pub(crate) const SHARDS: usize = 4;

pub(crate) fn shards() -> Supervisor {
    let shard = |number| {
        let name = format!("shard-{number}");
        ChildSpec::new(&name, Shard::start(Keeper::new()).name(&name))
    };
    Supervisor::one_for_one().name("shards").children((0..SHARDS).map(shard))
}

pub(crate) fn tree(socket: TcpListener, most_clients: usize) -> Supervisor {
    let connections = TaskSupervisor::new().name("connections").max_children(most_clients);
    let listener = process(move |ctx| listen(socket.clone(), ctx)).name("listener");
    Supervisor::one_for_one()
        .name("kv")
        .child(ChildSpec::new("shards", shards()))
        .child(ChildSpec::new("connections", connections))
        .child(ChildSpec::new("listener", listener))
}
// ANCHOR_END: tree

// ANCHOR: shard_of
/// The shard that has the key: the same one in every run.
fn shard_of(operation: &Operation) -> usize {
    match operation {
        Operation::At(key, _) => key.iter().map(|byte| usize::from(*byte)).sum::<usize>() % SHARDS,
        _ => 0,
    }
}
// ANCHOR_END: shard_of

pub(crate) async fn listen(socket: TcpListener, ctx: Context<()>) -> Result<(), ExitReason> {
    let connections = TaskSupervisorRef::named(ctx.system(), "connections");
    loop {
        let (stream, _peer) = socket.accept().await?;
        connections.start_child(|ctx| connection(stream, ctx)).await?;
    }
}

async fn connection(stream: TcpStream, ctx: Context<()>) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    while let Some(operation) = client.next().await? {
        let shard = ctx.system().named(&format!("shard-{}", shard_of(&operation)));
        let reply = match shard.call(|reply| Ask::Do(operation, reply)).await {
            Ok(reply) => reply,
            Err(CallError::Down { .. }) => Value::Error("ERR the shard failed over this".to_owned()),
            Err(error) => Value::Error(format!("ERR {error}")),
        };
        client.reply(&reply).await?;
    }
    Ok(())
}

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        tree(socket, 1000).start_link(&mut ctx).await?;

        let mut ada = Client::connect(server).await?;
        visit(&mut ada, &["SET d 3", "DEBUG PANIC SHARD 0"]).await;
        ctx.system().when_registered("shard-0").await;
        visit(&mut ada, &["GET d", "INCR d"]).await;
        Ok(())
    })
}
// ANCHOR_END: main
