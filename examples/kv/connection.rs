//! The process of one connection.
//!
//! Invariants:
//! - Commands that were read are answered before the process obeys an exit, so a shutdown cuts no client off in the middle.
//! - The process alone holds its socket: however it ends, the client sees the connection closed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proscenium::prelude::*;
use smol::future;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;

use super::plan::Then;
use super::session::Session;
use super::store::Store;

/// How much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;
/// How long a client that reads nothing may hold up a shutdown.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// A connection as a child, never to be restarted: the client itself connects again.
pub(crate) fn spec(id: &str, stream: TcpStream, peer: SocketAddr, store: Arc<Store>) -> ChildSpec {
    // A spec can be started any number of times and this stream be served once, so the process takes it out of the spec.
    let stream = Arc::new(Mutex::new(Some(stream)));
    let body = move |ctx| {
        let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        serve(stream, peer, store.clone(), ctx)
    };
    ChildSpec::new(id, process(body)).restart(Restart::Temporary).shutdown(Shutdown::Timeout(LAST_WRITE))
}

async fn serve(
    stream: Option<TcpStream>,
    peer: SocketAddr,
    store: Arc<Store>,
    mut ctx: Context<Infallible>,
) -> Result<(), ExitReason> {
    let Some(mut stream) = stream else { return Ok(()) };
    ctx.trap_exit(true);
    ctx.set_label(&format!("connection from {peer}"));
    let mut session = Session::new(store);
    let mut chunk = vec![0; CHUNK];
    let mut out = Vec::new();
    loop {
        let Some(count) = read(&mut stream, &mut chunk, &mut ctx).await? else {
            return Ok(());
        };
        let then = session.answer(&chunk[..count], &mut out).await;
        if stream.write_all(&out).await.is_err() {
            return Ok(());
        }
        out.clear();
        match then {
            // A client that sends as fast as it is answered must not keep others from their turns.
            Then::Read => future::yield_now().await,
            Then::Close => return Ok(()),
            Then::Panic => panic!("somebody asked this connection to panic"),
        }
    }
}

/// Reads some bytes; `None` once the client has gone, which is no fault of this process, however it went.
///
/// # Errors
/// The reason, if the process is told to exit.
async fn read(
    stream: &mut TcpStream,
    chunk: &mut [u8],
    ctx: &mut Context<Infallible>,
) -> Result<Option<usize>, ExitReason> {
    let bytes = async { Ok(stream.read(chunk).await.ok().filter(|count| *count > 0)) };
    let exit = async { Err(told_to_exit(ctx).await) };
    future::or(exit, bytes).await
}

async fn told_to_exit(ctx: &mut Context<Infallible>) -> ExitReason {
    loop {
        if let Event::Exit(exit) = ctx.receive().await {
            return exit.reason;
        }
    }
}
