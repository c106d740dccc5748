//! A question is a call, what may be lost is a cast, and what a process tells itself comes from a timer.

use std::time::Duration;

use proscenium::prelude::*;
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kv::operation::Operation;
use crate::kv::table::Table;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

// ANCHOR: statistics
enum Count {
    Served,
    Refused,
    Get(Reply<(u64, u64)>),
}

#[derive(Default)]
struct Statistics {
    served: u64,
    refused: u64,
}

impl GenServer for Statistics {
    type Args = ();
    type Message = Count;

    async fn init(_args: (), _ctx: &mut Context<Count>) -> Result<Self, ExitReason> {
        Ok(Statistics::default())
    }

    async fn handle(&mut self, message: Count, _ctx: &mut Context<Count>) -> Result<(), ExitReason> {
        match message {
            Count::Served => self.served += 1,
            Count::Refused => self.refused += 1,
            Count::Get(reply) => reply.send((self.served, self.refused)),
        }
        Ok(())
    }
}
// ANCHOR_END: statistics

// ANCHOR: store
pub(crate) enum Ask {
    Do(Operation, Reply<Value>),
    Sweep,
}

pub(crate) struct Store {
    table: Table,
}

impl GenServer for Store {
    type Args = ();
    type Message = Ask;

    async fn init(_args: (), ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        ctx.send_interval(Duration::from_secs(1), || Ask::Sweep);
        Ok(Store { table: Table::default() })
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
// ANCHOR_END: store

// ANCHOR: connection
async fn connection(stream: TcpStream, store: Address<Ask>, count: Address<Count>) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    while let Some(operation) = client.next().await? {
        let reply = store.call(|reply| Ask::Do(operation, reply)).await?;
        count.cast(if matches!(reply, Value::Error(_)) { Count::Refused } else { Count::Served });
        client.reply(&reply).await?;
    }
    Ok(())
}
// ANCHOR_END: connection

async fn listen(socket: TcpListener, store: Address<Ask>, count: Address<Count>, mut ctx: Context<()>) {
    while let Ok((stream, _peer)) = socket.accept().await {
        let (store, count) = (store.clone(), count.clone());
        ctx.spawn(|_ctx: Context<()>| connection(stream, store, count));
    }
}

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        let store = Store::start(()).link(&mut ctx).await?;
        let statistics = Statistics::start(()).link(&mut ctx).await?;
        let count = statistics.clone();
        ctx.spawn(|ctx| listen(socket, store, count, ctx));

        let mut client = Client::connect(server).await?;
        visit(&mut client, &["SET tea oolong PX 60000", "GET tea", "INCR tea"]).await;
        let (served, refused) = statistics.call(Count::Get).await?;
        println!("served {served}, refused {refused}");
        Ok(())
    })
}
// ANCHOR_END: main
