//! A supervisor starts a child as often as it must, so the arguments must be there as often.

use proscenium::prelude::*;

struct Socket;

struct Connection;

impl GenServer for Connection {
    type Args = Socket;
    type Message = ();

    async fn init(_socket: Socket, _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        Ok(Connection)
    }

    async fn handle(&mut self, _message: (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        Ok(())
    }
}

fn main() {
    ChildSpec::new("connection", Connection::start(Socket));
}
