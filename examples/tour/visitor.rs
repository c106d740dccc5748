//! A client that never stops asking, and notices everything.

use std::net::SocketAddr;

use proscenium::prelude::*;

use crate::client::Client;
use crate::ensure;

/// What a visitor can be asked.
pub(crate) enum Ask {
    /// How often it was served so far; each time as it should be.
    Count(Reply<u64>),
    /// The same, and to ask no more, but stay until the server closes.
    Rest(Reply<u64>),
}

/// Increments `key` again and again over one connection.
///
/// # Errors
/// If it is not answered, or not with the next number.
pub(crate) async fn visit(server: SocketAddr, key: &str, mut ctx: Context<Ask>) -> Result<(), ExitReason> {
    let mut client = Client::connect(server).await?;
    let mut count = 0;
    loop {
        let reply = client.ask(&format!("INCR {key}")).await?;
        count += 1;
        ensure(reply == count.to_string(), &format!("visit {count} is answered with its number, not {reply:?}"))?;
        match ctx.try_receive_matching(|_| true) {
            Some(Event::Message(Ask::Count(reply))) => reply.send(count),
            Some(Event::Message(Ask::Rest(reply))) => {
                reply.send(count);
                return Ok(client.closed().await?);
            }
            _ => {}
        }
    }
}
