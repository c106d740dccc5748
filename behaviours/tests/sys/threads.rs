//! What only real threads can show.

use proscenium_behaviours::{GenServer, Sys};
use proscenium_runtime::{Context, ExitReason, System};

use super::common::{Adder, Ask, PLAIN};

const SENDERS: u32 = 4;
const MESSAGES: u32 = 2_000;

#[test]
fn a_server_that_is_suspended_again_and_again_loses_nothing() {
    let logger = slog::Logger::root(slog::Discard, slog::o!());
    let system = System::builder("threads").workers(4).logger(logger).build().unwrap();
    let outcome = system.run(|mut ctx: Context<()>| async move {
        let adder = Adder::start(PLAIN).link(&mut ctx).await?;
        let senders = Vec::from_iter((0..SENDERS).map(|_| {
            let adder = adder.clone();
            ctx.spawn_link(move |_ctx: Context<()>| async move {
                for _ in 0..MESSAGES {
                    adder.send(Ask::Add(1)).await?;
                }
                Ok::<_, ExitReason>(())
            })
        }));
        let sys = Sys::new(ctx.system(), &adder);
        let mut before = 0;
        for _ in 0..1_000 {
            sys.suspend().await?;
            let total = sys.get_state(|adder: &Adder| adder.total).await?;
            assert!(total >= before);
            before = sys.get_state(|adder: &Adder| adder.total).await?;
            assert_eq!(before, total, "it is suspended");
            sys.resume().await?;
        }
        for sender in &senders {
            assert_eq!(sender.exited().await, ExitReason::Normal);
        }
        assert_eq!(adder.call(Ask::Total).await?, SENDERS * MESSAGES);
        sys.stop(ExitReason::Normal).await?;
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
