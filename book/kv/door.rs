//! A door that lets so many in, and knows by monitors who has gone.

use std::collections::HashSet;

use proscenium::MonitorRef;
use proscenium::prelude::*;
use smol::net::{TcpListener, TcpStream};

use crate::client::Client;
use crate::kv::value::Value;
use crate::visit::{socket, visit};
use crate::wire::Wire;

// ANCHOR: door
enum Knock {
    Enter(Pid, Reply<bool>),
}

struct Door {
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
async fn connection(stream: TcpStream, door: Address<Knock>, ctx: Context<()>) -> Result<(), ExitReason> {
    let mut client = Wire::new(stream);
    if !door.call(|reply| Knock::Enter(ctx.pid(), reply)).await? {
        client.reply(&Value::Error("ERR the house is full".to_owned())).await?;
        return Ok(());
    }
    while client.next().await?.is_some() {
        client.reply(&Value::OK).await?; // The store is not what this step is about.
    }
    Ok(())
}
// ANCHOR_END: connection

async fn listen(socket: TcpListener, door: Address<Knock>, mut ctx: Context<()>) {
    while let Ok((stream, _peer)) = socket.accept().await {
        let door = door.clone();
        ctx.spawn(|ctx| connection(stream, door, ctx));
    }
}

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        let door = Door::start(1).link(&mut ctx).await?;
        ctx.spawn(|ctx| listen(socket, door, ctx));

        let mut ada = Client::connect(server).await?;
        visit(&mut ada, &["PING"]).await;
        visit(&mut Client::connect(server).await?, &["PING"]).await;
        visit(&mut ada, &["DEBUG PANIC"]).await;
        let mut grace = Client::connect(server).await?;
        while grace.ask("PING").await? != "PONG" {
            grace = Client::connect(server).await?; // The door has not heard of it yet.
        }
        println!("Grace is let in");
        Ok(())
    })
}
// ANCHOR_END: main
