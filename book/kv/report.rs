//! What a crash leaves behind: what its caller hears, and two reports.

use std::collections::HashMap;

use proscenium::Report;
use proscenium::prelude::*;
use proscenium::testing::TestSystem;

// ANCHOR: shard
enum Ask {
    Set(&'static str, &'static str),
    /// The beginning of a value, for a list of keys.
    Preview(&'static str, Reply<String>),
}

struct Shard {
    table: HashMap<&'static str, &'static str>,
}

impl GenServer for Shard {
    type Args = ();
    type Message = Ask;

    async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(Shard { table: HashMap::new() })
    }

    async fn handle(&mut self, message: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match message {
            Ask::Set(key, value) => drop(self.table.insert(key, value)),
            Ask::Preview(key, reply) => {
                let value = self.table.get(key).copied().unwrap_or_default();
                reply.send(value[..8].to_owned());
            }
        }
        Ok(())
    }
}
// ANCHOR_END: shard

// ANCHOR: main
pub(crate) fn main() -> Result<(), ExitReason> {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let shard = |name| ChildSpec::new(name, Shard::start(()).name(name));
        let shards = Supervisor::one_for_one().name("shards").children(["shard-0", "shard-1"].map(shard));
        shards.start_link(&mut ctx).await?;
        let reports = ctx.system().reports();

        let shard: Address<Ask> = ctx.system().named("shard-1");
        shard.cast(Ask::Set("tea", "oolong"));
        let error = shard.call(|reply| Ask::Preview("tea", reply)).await.expect_err("it panics");
        println!("the caller\n  {error}\n");

        loop {
            match reports.recv().await? {
                Report::Crash(crash) => {
                    println!("crash report");
                    println!("  process    {} {}", crash.pid, crash.name.as_deref().unwrap_or_default());
                    println!("  reason     {}", crash.reason);
                    println!("  messages   {}, {} unreceived", crash.message_type, crash.unreceived);
                    println!("  ancestors  {}\n", crash.ancestors);
                }
                Report::Supervisor(report) => {
                    println!("supervisor report");
                    println!("  supervisor {}", report.name.as_deref().unwrap_or_default());
                    println!("  context    {}", report.context);
                    println!("  child      {}, {:?}\n", report.offender.id, report.offender.restart);
                }
                Report::Progress(progress) => {
                    println!("progress report\n  started    {} {}", progress.child, progress.id);
                    return Ok(());
                }
                _ => {}
            }
        }
    })
}
// ANCHOR_END: main
