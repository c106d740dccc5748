//! The smallest whole program: a process, a question with a limit of half a minute, and an end.
//!
//! Run it with `cargo run --example hello`; it prints `Hello, World!`.

use std::time::Duration;

use proscenium::prelude::*;

enum Ask {
    Greeting(Reply<String>),
}

fn main() -> Result<(), ExitReason> {
    System::new("hello").run(|mut ctx: Context<()>| async move {
        let greeter = ctx.spawn(|mut ctx: Context<Ask>| async move {
            loop {
                let Ask::Greeting(reply) = ctx.receive_message().await;
                reply.send("Hello, World!".to_owned());
            }
        });

        let greeting = greeter.call(Ask::Greeting).timeout(Duration::from_secs(30)).await?;
        println!("{greeting}");

        if let Some(pid) = greeter.pid() {
            ctx.exit(pid, ExitReason::Shutdown);
        }
        greeter.exited().await;
        Ok(())
    })
}
