//! A door that lets so many in, and knows by monitors who has gone.

use std::collections::HashSet;

use proscenium::MonitorRef;
use proscenium::prelude::*;
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kinds::{Ask, Store};
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

// ANCHOR: door
pub(crate) enum Knock {
    Enter(Pid, Reply<bool>),
}

pub(crate) struct Door {
    most: usize,
    inside: HashSet<MonitorRef>,
}

impl GenServer for Door {
    type Args = usize;
    type Message = Knock;

    async fn init(most: usize, _ctx: &mut Context<Knock>) -> Result<Self, ExitReason> {
        Ok(Door { most, inside: HashSet::new() })
    }

    async fn handle(&mut self, message: Knock, ctx: &mut Context<Knock>) -> Result<(), ExitReason> {
        let Knock::Enter(who, reply) = message;
        let has_room = self.inside.len() < self.most;
        if has_room {
            self.inside.insert(ctx.monitor(who));
        }
        reply.send(has_room);
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Knock>) -> Result<(), ExitReason> {
        if let Info::Down(down) = info {
            self.inside.remove(&down.monitor);
        }
        Ok(())
    }
}
// ANCHOR_END: door

// ANCHOR: connection
pub(crate) async fn connection(
    stream: TcpStream,
    door: Address<Knock>,
    store: Address<Ask>,
    ctx: Context<()>,
) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    if !door.call(|reply| Knock::Enter(ctx.pid(), reply)).await? {
        client.reply(&Value::Error("ERR the house is full".to_owned())).await?;
        return Ok(());
    }
    while let Some(operation) = client.next().await? {
        let reply = store.call(|reply| Ask::Do(operation, reply)).await?;
        client.reply(&reply).await?;
    }
    Ok(())
}
// ANCHOR_END: connection

async fn listen(socket: TcpListener, door: Address<Knock>, store: Address<Ask>, mut ctx: Context<()>) {
    while let Ok((stream, _peer)) = socket.accept().await {
        let (door, store) = (door.clone(), store.clone());
        ctx.spawn(|ctx| connection(stream, door, store, ctx));
    }
}

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        let store = Store::start(()).link(&mut ctx).await?;
        let door = Door::start(1).link(&mut ctx).await?;
        ctx.spawn(|ctx| listen(socket, door, store, ctx));

        let mut ada = Client::connect(server).await?;
        visit(&mut ada, &["SET tea 3"]).await;
        visit(&mut Client::connect(server).await?, &["GET tea"]).await;
        visit(&mut ada, &["DEBUG PANIC"]).await;
        let mut grace = Client::connect(server).await?;
        while grace.ask("GET tea").await? != "3" {
            grace = Client::connect(server).await?; // The door has not heard of it yet.
        }
        println!("Grace is let in");
        Ok(())
    })
}
// ANCHOR_END: main
