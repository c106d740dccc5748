//! A supervisor over a server whose parts stand and fall together, by links.

use proscenium::prelude::*;
use smol::net::TcpListener;

use crate::client::Client;
use crate::door::{Door, connection};
use crate::kinds::Store;
use crate::visit::{socket, visit};

// ANCHOR: server
async fn server(socket: TcpListener, mut ctx: Context<()>) -> Result<(), ExitReason> {
    let store = Store::start(()).link(&mut ctx).await?;
    let door = Door::start(1000).link(&mut ctx).await?;
    loop {
        let (stream, _peer) = socket.accept().await?;
        let (door, store) = (door.clone(), store.clone());
        ctx.spawn_link(|ctx| connection(stream, door, store, ctx));
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
