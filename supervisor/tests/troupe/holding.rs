//! Jobs that take more than one callback.

use std::num::NonZeroUsize;

use futures_lite::future::zip;
use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason, Reply};
use proscenium_supervisor::{Hold, JobFault, Member, Troupe};

use super::common::{Log, SECOND, Work, death, fault, in_any_order, players};

#[test]
fn a_worker_that_holds_a_job_gets_no_other_until_it_lets_go() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).start_link(&mut ctx).await.unwrap();
        let before = ctx.system().now();
        let (first, second) =
            zip(troupe.call(|reply| Work::Later(SECOND, reply)), troupe.call(|reply| Work::Later(SECOND, reply))).await;
        assert_eq!((first, second), (Ok(1), Ok(1)));
        assert_eq!(ctx.system().now() - before, 2 * SECOND);
    });
}

#[test]
fn a_worker_may_have_several_jobs_at_a_time() {
    in_any_order(|mut ctx| async move {
        let three = NonZeroUsize::new(3).unwrap();
        let troupe = players(&Log::default()).workers(1..=1).concurrency(three).start_link(&mut ctx).await.unwrap();
        let before = ctx.system().now();
        let call = || troupe.call(|reply| Work::Later(SECOND, reply));
        let (first, (second, (third, fourth))) = zip(call(), zip(call(), zip(call(), call()))).await;
        assert_eq!([first, second, third, fourth], [Ok(1), Ok(1), Ok(1), Ok(1)]);
        assert_eq!(ctx.system().now() - before, 2 * SECOND);
    });
}

/// Keeps what it is given, and lets go of it in ways that count or do not.
struct Keeper {
    member: Member,
    kept: Vec<(Reply<()>, Hold)>,
}

enum Keep {
    This(Reply<()>),
    AnswerAll,
    DropAllAndFail,
    /// Whatever holds it panics.
    ThisInProcessThatPanics(Reply<()>),
}

impl GenServer for Keeper {
    type Args = Member;
    type Message = Keep;

    async fn init(member: Member, _ctx: &mut Context<Keep>) -> Result<Self, ExitReason> {
        Ok(Keeper { member, kept: Vec::new() })
    }

    async fn handle(&mut self, keep: Keep, ctx: &mut Context<Keep>) -> Result<(), ExitReason> {
        match keep {
            Keep::This(reply) => self.kept.push((reply, self.member.hold())),
            Keep::AnswerAll => self.kept.drain(..).for_each(|(reply, _hold)| reply.send(())),
            Keep::DropAllAndFail => {
                self.kept.clear();
                return Err(std::io::Error::other("the cupboard is bare").into());
            }
            Keep::ThisInProcessThatPanics(reply) => {
                let hold = self.member.hold();
                ctx.spawn(|_ctx: Context<()>| async move {
                    let _held = (reply, hold);
                    panic!("out of memory");
                });
            }
        }
        Ok(())
    }
}

async fn keepers(ctx: &mut Context<()>) -> proscenium_supervisor::TroupeRef<Keep> {
    let keepers = Troupe::new(|seat| Keeper::start(seat.member()).feed(seat)).workers(1..=1);
    keepers.concurrency(NonZeroUsize::new(2).unwrap()).start_link(ctx).await.unwrap()
}

#[test]
fn what_is_held_is_done_when_it_is_let_go_in_a_later_callback() {
    in_any_order(|mut ctx| async move {
        let keepers = keepers(&mut ctx).await;
        let (kept, ()) = zip(keepers.call(Keep::This), async {
            ctx.sleep(SECOND).await;
            assert_eq!((keepers.status().running, keepers.status().idle), (1, 0));
            keepers.broadcast(|| Keep::AnswerAll);
        })
        .await;
        assert_eq!(kept, Ok(()));
        ctx.sleep(SECOND).await;
        assert_eq!((keepers.status().done, keepers.status().idle), (1, 1));
    });
}

#[test]
fn what_is_let_go_by_a_callback_that_fails_is_not_done() {
    in_any_order(|mut ctx| async move {
        let keepers = keepers(&mut ctx).await;
        let (kept, ()) = zip(keepers.call(Keep::This), async {
            ctx.sleep(SECOND).await;
            keepers.broadcast(|| Keep::DropAllAndFail);
        })
        .await;
        assert_eq!(death(kept), ("the cupboard is bare".into(), 1));
        assert_eq!((keepers.status().done, keepers.status().failed), (0, 1));
    });
}

#[test]
fn a_hold_that_is_dropped_by_a_panic_elsewhere_ends_the_job_as_not_done() {
    in_any_order(|mut ctx| async move {
        let keepers = keepers(&mut ctx).await;
        assert_eq!(fault(keepers.call(Keep::ThisInProcessThatPanics).await), JobFault::Unanswered);
        ctx.sleep(SECOND).await;
        assert_eq!((keepers.status().done, keepers.status().failed, keepers.status().idle), (0, 1, 1));
    });
}
