//! The tree as an application: with settings, a start that says what is wrong, and a stop in order.

use std::env;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use proscenium::application::{AppContext, Application, ApplicationSpec, Applications, Environment, Release};
use proscenium::prelude::*;
use serde::Deserialize;
use smol::net::TcpListener;

use crate::client::Client;
use crate::keeper;
use crate::visit::visit;

// ANCHOR: application
#[derive(Clone)]
struct Kv;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    port: u16,
    most_clients: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { port: 6380, most_clients: 1000 }
    }
}

impl Application for Kv {
    type Env = Settings;
    type Top = Supervisor;

    async fn start(&mut self, app: &AppContext<Settings>) -> Result<Supervisor, ExitReason> {
        let Settings { port, most_clients } = *app.env();
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let socket = socket.map_err(|error| ExitReason::error(format!("port {port}: {error}")))?;
        Ok(keeper::tree(socket, most_clients))
    }
}
// ANCHOR_END: application

// ANCHOR: serve
/// Serves until it is told to stop; takes `--config FILE` and `--set kv.port=7000`.
pub(crate) fn serve() -> ExitCode {
    match Environment::new().arguments(env::args().skip(2)) {
        Ok((environment, _)) => {
            Release::new("kv").permanent(ApplicationSpec::new("kv", Kv)).environment(environment).run()
        }
        Err(error) => {
            eprintln!("kv: {error}");
            ExitCode::FAILURE
        }
    }
}
// ANCHOR_END: serve

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    System::new("kv").run(|mut ctx: Context<()>| async move {
        let kv = || [ApplicationSpec::new("kv", Kv)];
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = taken.local_addr()?.port();

        let environment = Environment::new().embed("kv.ron", r#"(kv: (prot: 7000, most_clients: "ten"))"#);
        let mistakes = Applications::start_link(kv(), environment, &mut ctx).await.map(|_| ());
        println!("{}\n", mistakes.expect_err("there are two"));

        let environment = Environment::new().set(&format!("kv.port={port}"))?;
        let applications = Applications::start_link(kv(), environment, &mut ctx).await?;
        let error = applications.start("kv", Restart::Temporary).await.expect_err("the port is taken");
        println!("{}\n", error.to_string().replace(&port.to_string(), "6380"));

        drop(taken);
        applications.start("kv", Restart::Temporary).await?;
        let mut ada = Client::connect((Ipv4Addr::LOCALHOST, port).into()).await?;
        visit(&mut ada, &["SET tea 3", "GET tea"]).await;
        applications.stop("kv").await?;
        ada.closed().await?;
        println!("(the server has closed the connection)");
        Ok(())
    })
}
// ANCHOR_END: main
