//! The table is a process, and so is each connection.

use proscenium::prelude::*;
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kv::operation::Operation;
use crate::kv::table::Table;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

// ANCHOR: store
enum Ask {
    Do(Operation, Reply<Value>),
}

async fn store(mut ctx: Context<Ask>) {
    let mut table = Table::default();
    loop {
        let Ask::Do(operation, reply) = ctx.receive_message().await;
        reply.send(operation.apply(&mut table, ctx.system().now()));
    }
}
// ANCHOR_END: store

// ANCHOR: connection
async fn connection(stream: TcpStream, store: Address<Ask>) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    while let Some(operation) = client.next().await? {
        let reply = store.call(|reply| Ask::Do(operation, reply)).await?;
        client.reply(&reply).await?;
    }
    Ok(())
}

async fn listen(socket: TcpListener, store: Address<Ask>, mut ctx: Context<()>) -> Result<(), ExitReason> {
    loop {
        let (stream, _peer) = socket.accept().await?;
        let store = store.clone();
        ctx.spawn(|_ctx: Context<()>| connection(stream, store));
    }
}
// ANCHOR_END: connection

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        let store = ctx.spawn(store);
        ctx.spawn(|ctx| listen(socket, store, ctx));

        let (mut ada, mut grace) = (Client::connect(server).await?, Client::connect(server).await?);
        visit(&mut ada, &["SET tea 3", "INCR tea"]).await;
        visit(&mut grace, &["INCR tea", "GET tea", "INCR coffee", "DEBUG PANIC"]).await;
        visit(&mut ada, &["GET tea"]).await;
        Ok(())
    })
}
// ANCHOR_END: main
