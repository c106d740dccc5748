//! How most tests of behaviours run.

use proscenium_runtime::Context;
use proscenium_runtime::testing::for_each_seed;

/// Runs `play` as a process that traps exits, in many orders.
#[track_caller]
pub(crate) fn in_any_order<F>(play: impl Fn(Context<()>) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| {
        let play = play.clone();
        test.run(move |mut ctx: Context<()>| {
            ctx.trap_exit(true);
            play(ctx)
        });
    });
}
