//! The process that lets clients in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proscenium::prelude::*;
use smol::net::TcpListener;

use super::connection;
use super::store::Store;
use super::tree::CONNECTIONS;

/// How long nobody is let in after somebody could not be.
const PAUSE: Duration = Duration::from_millis(100);

/// What outlives the process: the socket, with the clients that wait at it, and the count that gives connections their ids.
pub(crate) struct Door {
    pub(crate) socket: TcpListener,
    pub(crate) store: Arc<Store>,
    pub(crate) count: AtomicU64,
}

/// Lets clients in for ever.
pub(crate) async fn listen(door: Arc<Door>, ctx: Context<()>) {
    let connections = SupervisorRef::named(ctx.system(), CONNECTIONS);
    loop {
        if let Err(reason) = let_in(&door, &connections).await {
            // Most likely there are no file descriptors left, and the next accept would fail at once.
            slog::warn!(ctx.logger(), "a client was not let in"; "reason" => %reason);
            ctx.sleep(PAUSE).await;
        }
    }
}

async fn let_in(door: &Door, connections: &SupervisorRef) -> Result<(), ExitReason> {
    let (stream, peer) = door.socket.accept().await?;
    // Replies are written whole, so there is nothing to wait for.
    stream.set_nodelay(true)?;
    let id = format!("connection-{}", door.count.fetch_add(1, Ordering::Relaxed) + 1);
    connections.start_child(connection::spec(&id, stream, peer, door.store.clone())).await?;
    Ok(())
}
