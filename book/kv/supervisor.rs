//! A supervisor over a server whose parts stand and fall together, by links.

use proscenium::prelude::*;
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kv::operation::Operation;
use crate::kv::table::Table;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

pub(crate) enum Ask {
    Do(Operation, Reply<Value>),
}

pub(crate) struct Store {
    table: Table,
}

impl GenServer for Store {
    type Args = ();
    type Message = Ask;

    async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(Store { table: Table::default() })
    }

    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        let Ask::Do(operation, reply) = message;
        reply.send(operation.apply(&mut self.table, ctx.system().now()));
        Ok(())
    }
}

async fn connection(stream: TcpStream, store: Address<Ask>) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    while let Some(operation) = client.next().await? {
        let reply = store.call(|reply| Ask::Do(operation, reply)).await?;
        client.reply(&reply).await?;
    }
    Ok(())
}

// ANCHOR: server
async fn server(socket: TcpListener, mut ctx: Context<()>) -> Result<(), ExitReason> {
    let store = Store::start(()).link(&mut ctx).await?;
    loop {
        let (stream, _peer) = socket.accept().await?;
        let store = store.clone();
        ctx.spawn_link(|_ctx: Context<()>| connection(stream, store));
    }
}
// ANCHOR_END: server

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, address) = socket().await?;
        let server = process(move |ctx| server(socket.clone(), ctx));
        Supervisor::one_for_one().child(ChildSpec::new("server", server)).start_link(&mut ctx).await?;

        let mut ada = Client::connect(address).await?;
        visit(&mut ada, &["SET tea 3", "GET tea", "DEBUG PANIC SHARD 0"]).await;
        let mut ada = Client::connect(address).await?;
        visit(&mut ada, &["GET tea", "SET tea 4", "GET tea"]).await;
        Ok(())
    })
}
// ANCHOR_END: main
