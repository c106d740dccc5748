//! A key-value server that speaks Redis's protocol, and that a panic does not stop.
//!
//! Its data is spread over four processes; each client has a process of its own; supervisors restart what fails.
//! `kv/mod.rs` shows the tree. Run it, and talk to it with any Redis client:
//!
//! ```text
//! cargo run --release --example kv
//! redis-cli -p 6380 SET greeting hello
//! redis-cli -p 6380 DEBUG PANIC SHARD 0
//! redis-cli -p 6380 GET greeting
//! ```
//!
//! `DEBUG PANIC` makes the client's own process panic, `DEBUG PANIC SHARD n` a shard's. Ctrl-C stops the tree in order.

#[path = "kv/mod.rs"]
mod kv;

use std::env;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use async_signal::{Signal, Signals};
use kv::store::Store;
use proscenium::prelude::*;
use smol::net::TcpListener;
use smol::stream::StreamExt;

const USAGE: &str = "\
usage: kv [--port N]

A key-value server that speaks Redis's protocol on 127.0.0.1.

  --port N   the port to listen on; 6380 unless given, any free one if 0
  --help     this text";

fn main() -> ExitCode {
    let done = match Request::parse(env::args().skip(1)) {
        Ok(Request::Listen(port)) => listen(port),
        Ok(Request::Help) => {
            println!("{USAGE}");
            Ok(())
        }
        Err(error) => {
            eprintln!("kv: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("kv: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    Listen(u16),
}

impl Request {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
        let mut port = 6380;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--help" | "-h" => return Ok(Request::Help),
                "--port" => {
                    let text = args.next().ok_or("--port needs a number")?;
                    port = text.parse().map_err(|_| format!("{text:?} is no port: it must be 0 to 65535"))?;
                }
                _ => return Err(format!("there is no option {arg:?}")),
            }
        }
        Ok(Request::Listen(port))
    }
}

/// Serves until somebody presses Ctrl-C.
fn listen(port: u16) -> Result<(), ExitReason> {
    let socket = smol::block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        .map_err(|error| ExitReason::error(format!("cannot listen on 127.0.0.1:{port}: {error}")))?;
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    let address = socket.local_addr()?;
    let served = System::new("kv").run(move |mut ctx: Context<()>| async move {
        let store = Arc::new(Store::new(ctx.system()));
        kv::tree::supervisor(socket, store).start_link(&mut ctx).await?;
        println!("listening on {address}");
        signals.next().await;
        println!("stopping");
        // The tree is linked to this process, and stops with it, in order.
        Ok(())
    });
    served.map_err(|reason| ExitReason::error(format!("the supervisors gave up: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Request, String> {
        Request::parse(args.iter().map(ToString::to_string))
    }

    #[test]
    fn the_port_is_6380_unless_another_is_given() {
        assert_eq!(parse(&[]), Ok(Request::Listen(6380)));
        assert_eq!(parse(&["--port", "0"]), Ok(Request::Listen(0)));
        assert_eq!(parse(&["--port", "1", "--help"]), Ok(Request::Help));
    }

    #[test]
    fn a_wrong_argument_is_named() {
        let error = |args: &[&str]| parse(args).expect_err("it is wrong");
        assert_eq!(error(&["--port"]), "--port needs a number");
        assert_eq!(error(&["--port", "65536"]), "\"65536\" is no port: it must be 0 to 65535");
        assert_eq!(error(&["6380"]), "there is no option \"6380\"");
    }
}
