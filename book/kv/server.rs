//! The store is a `GenServer`: who starts it waits until it is ready, or hears why it is not.

use std::sync::Arc;

use proscenium::prelude::*;

use crate::client::Client;
use crate::kv::operation::Operation;
use crate::kv::table::Table;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::{self, Wire};

// ANCHOR: store
enum Ask {
    Do(Operation, Reply<Value>),
}

struct Store {
    table: Table,
}

impl GenServer for Store {
    type Args = Arc<str>; // Commands that fill it, one a line.
    type Message = Ask;

    async fn init(contents: Arc<str>, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        let mut table = Table::default();
        for (number, line) in (1..).zip(contents.lines()) {
            let mistake = |error| ExitReason::error(format!("line {number}: {error}"));
            wire::parse(line).map_err(mistake)?.apply(&mut table, ctx.system().now());
        }
        Ok(Store { table })
    }

    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        let Ask::Do(operation, reply) = message;
        reply.send(operation.apply(&mut self.table, ctx.system().now()));
        Ok(())
    }
}
// ANCHOR_END: store

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let error = Store::start("SET tea 3\nSET coffee".into()).link(&mut ctx).await.map(|_| ());
        println!("{}", error.expect_err("there is a mistake in it"));

        let store = Store::start("SET tea 3\nSET coffee 2".into()).link(&mut ctx).await?;
        let (socket, server) = socket().await?;
        ctx.spawn(|mut ctx: Context<()>| async move {
            let (stream, _peer) = socket.accept().await?;
            ctx.spawn(|_ctx: Context<()>| connection(stream, store));
            Ok::<_, ExitReason>(())
        });
        visit(&mut Client::connect(server).await?, &["GET tea", "GET coffee"]).await;
        Ok(())
    })
}
// ANCHOR_END: main

async fn connection(stream: smol::net::TcpStream, store: Address<Ask>) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    while let Some(operation) = client.next().await? {
        let reply = store.call(|reply| Ask::Do(operation, reply)).await?;
        client.reply(&reply).await?;
    }
    Ok(())
}
