//! What a system and its processes log, and what they can tell of themselves there.

mod common;

use common::{idle, kill, next_down};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, Report, SpawnOptions};

#[test]
fn a_process_knows_its_ancestors_by_the_names_they_had_when_it_was_spawned() {
    for_each_seed(10, |test| {
        let reports = test.reports();
        let top = test.run(|mut ctx: Context<()>| async move {
            let top = ctx.pid();
            assert!(ctx.ancestors().is_empty());
            let shop = ctx.spawn_link_with(SpawnOptions::new().name("shop"), move |mut ctx: Context<()>| async move {
                let shop = ctx.pid();
                assert_eq!(ctx.ancestors().to_string(), top.to_string());
                ctx.spawn_monitor(move |mut ctx: Context<()>| async move {
                    let till = ctx.pid();
                    assert_eq!(ctx.ancestors().to_string(), format!("shop, {top}"));
                    assert_eq!((ctx.parent(), ctx.ancestors()[1].pid), (Some(shop), top));
                    ctx.system().unregister("shop");
                    let drawer = ctx.spawn(idle);
                    let known = ctx.system().process_info(drawer.pid().expect("it is a process"));
                    assert_eq!(known.expect("it lives").ancestors.to_string(), format!("{till}, shop, {top}"));
                    kill(ctx.system(), &drawer).await;
                });
                next_down(&mut ctx).await;
                ctx.spawn_monitor(|_ctx: Context<()>| async { panic!("out of cheese") });
                next_down(&mut ctx).await;
            });
            shop.expect("the name is free").exited().await;
            top
        });
        let Ok(Report::Crash(crash)) = reports.try_recv() else { panic!("the last child crashes") };
        assert!(crash.reason.to_string().ends_with("out of cheese"), "{}", crash.reason);
        let shop = crash.ancestors[0].pid;
        assert_eq!(crash.ancestors.to_string(), format!("{shop}, {top}"));
        assert_eq!(reports.try_recv().map_err(drop).err(), Some(()), "and nothing else does");
    });
}
