//! Somebody who types commands and reads replies.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use smol::net::TcpListener;

use crate::client::Client;

/// A socket at any port that is free, and where it is.
pub(crate) async fn socket() -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Types each command, and prints it with its reply, or that there is none because the server hung up.
pub(crate) async fn visit(client: &mut Client, commands: &[&str]) {
    for command in commands {
        println!("> {command}");
        match client.ask(command).await {
            Ok(reply) => println!("{reply}"),
            Err(_) => return println!("(the server has closed the connection)"),
        }
    }
}
