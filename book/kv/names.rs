//! Who is known by name can be restarted alone; who comes and goes is a child of a dynamic supervisor.

use proscenium::prelude::*;
use proscenium::{TaskSupervisor, TaskSupervisorRef};
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kinds::{Ask, Store};
use crate::kv::operation::Operation;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

// ANCHOR: tree
fn tree(socket: TcpListener) -> Supervisor {
    let connections = TaskSupervisor::new().name("connections").max_children(1000);
    let listener = process(move |ctx| listen(socket.clone(), ctx)).name("listener");
    Supervisor::one_for_one()
        .name("kv")
        .child(ChildSpec::new("store", Store::start(()).name("store")))
        .child(ChildSpec::new("connections", connections))
        .child(ChildSpec::new("listener", listener))
}
// ANCHOR_END: tree

// ANCHOR: connection
async fn listen(socket: TcpListener, ctx: Context<()>) -> Result<(), ExitReason> {
    let connections = TaskSupervisorRef::named(ctx.system(), "connections");
    loop {
        let (stream, _peer) = socket.accept().await?;
        connections.start_child(|ctx| connection(stream, ctx)).await?;
    }
}

async fn connection(stream: TcpStream, ctx: Context<()>) -> Result<(), ExitReason> {
    let store = ctx.system().named("store");
    let mut client = Wire::new(stream);
    while let Some(operation) = client.next().await? {
        let reply = carry_out(operation, &store).await;
        client.reply(&reply).await?;
    }
    Ok(())
}

async fn carry_out(operation: Operation, store: &Address<Ask>) -> Value {
    match store.call(|reply| Ask::Do(operation, reply)).await {
        Ok(reply) => reply,
        Err(CallError::Down { .. }) => Value::Error("ERR the store failed over this".to_owned()),
        Err(error) => Value::Error(format!("ERR {error}")),
    }
}
// ANCHOR_END: connection

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        tree(socket).start_link(&mut ctx).await?;

        let mut ada = Client::connect(server).await?;
        visit(&mut ada, &["SET tea 3", "DEBUG PANIC SHARD 0"]).await;
        ctx.system().when_registered("store").await;
        visit(&mut ada, &["GET tea", "SET tea 4", "GET tea"]).await;
        Ok(())
    })
}
// ANCHOR_END: main
