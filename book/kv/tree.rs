//! The tree in a file, and changed while it runs.

use proscenium::prelude::*;
use proscenium::tree::{Catalog, TreeFiles};
use proscenium::{Keeper, TaskSupervisor};
use serde::Deserialize;
use smol::net::TcpListener;

use crate::client::Client;
use crate::keeper::{Shard, listen};
use crate::visit::{socket, visit};

// ANCHOR: catalog
#[derive(Clone, PartialEq, Deserialize)]
struct Connections {
    most: usize,
}

/// What the files may start.
fn catalog(socket: TcpListener) -> Catalog {
    Catalog::new()
        .start("shard", |name: String| Shard::start(Keeper::new()).name(&name))
        .start("connections", |connections: Connections| {
            TaskSupervisor::new().name("connections").max_children(connections.most)
        })
        .start("listener", move |()| {
            let socket = socket.clone();
            process(move |ctx| listen(socket.clone(), ctx)).name("listener")
        })
}
// ANCHOR_END: catalog

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    let files = TreeFiles::new("kv.ron").embed("kv.ron", include_str!("kv.ron"));
    let at_night = files.clone().overlay("night.ron").embed("night.ron", include_str!("night.ron"));
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let (socket, server) = socket().await?;
        let catalog = catalog(socket);
        let kv = catalog.read(&files)?.start_link(&mut ctx).await?;
        visit(&mut Client::connect(server).await?, &["SET tea 3"]).await;

        let done = kv.reload(catalog.read(&at_night)?).await?;
        println!("\n{done}\n");
        visit(&mut Client::connect(server).await?, &["GET tea"]).await;
        Ok(())
    })
}
// ANCHOR_END: main
