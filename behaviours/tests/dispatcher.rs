//! What actors promise, on virtual time and in many orders of running.

mod any_order;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use any_order::in_any_order;
use proscenium_behaviours::{Actor, ActorRef, Dispatch, Handles, Info};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{
    CallError, Context, DeadReason, Down, ExitReason, Mailbox, Overflow, Registry, SendError, StartError,
};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// What has happened since it was last asked, as a list.
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

/// Begins when it has an owner and a limit, if it is asked to wait for them.
struct Account {
    log: Log,
    waits: bool,
    owner: Option<&'static str>,
    limit: Option<u64>,
    cents: u64,
}

impl Actor for Account {
    type Args = (Log, bool);

    async fn init((log, waits): (Log, bool), ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        log.add("init");
        Ok(Account { log, waits, owner: None, limit: None, cents: 0 })
    }

    fn is_ready(&self) -> bool {
        !self.waits || self.owner.is_some() && self.limit.is_some()
    }

    async fn ready(&mut self, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        self.log.add("ready");
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        let Info::Down(Down { reason, .. }) = info else { panic!("{info:?}") };
        self.log.add(format!("down {reason}"));
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, _ctx: &mut Context<Dispatch<Self>>) {
        self.log.add(match reason {
            ExitReason::Panic(panic) => format!("terminate: {}", panic.message()),
            reason => format!("terminate: {reason}"),
        });
    }
}

struct Owner(&'static str);
struct Limit(u64);
struct Deposit(u64);
#[derive(Debug, PartialEq)]
struct Balance(u64);
struct Fail(ExitReason);
struct Panic;
/// Deposit so much in between.
struct Twice(u64);
struct Watch;

impl Handles<Owner> for Account {
    type Reply = ();
    const INITIALIZES: bool = true;

    async fn handle(&mut self, owner: Owner, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        self.log.add(owner.0);
        self.owner = Some(owner.0);
        Ok(())
    }
}

impl Handles<Limit> for Account {
    type Reply = ();
    const INITIALIZES: bool = true;

    async fn handle(&mut self, limit: Limit, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        self.limit = Some(limit.0);
        Ok(())
    }
}

impl Handles<Deposit> for Account {
    type Reply = Balance;

    async fn handle(&mut self, deposit: Deposit, _ctx: &mut Context<Dispatch<Self>>) -> Result<Balance, ExitReason> {
        self.log.add(format!("deposit {}", deposit.0));
        self.cents += deposit.0;
        Ok(Balance(self.cents))
    }
}

impl Handles<Fail> for Account {
    type Reply = String;

    async fn handle(&mut self, fail: Fail, _ctx: &mut Context<Dispatch<Self>>) -> Result<String, ExitReason> {
        Err(fail.0)
    }
}

impl Handles<Panic> for Account {
    type Reply = ();

    async fn handle(&mut self, _panic: Panic, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        panic!("as ordered")
    }
}

impl Handles<Twice> for Account {
    type Reply = ();

    async fn handle(&mut self, twice: Twice, ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        self.log.add(format!("twice {}", twice.0));
        ctx.continue_with(Dispatch::new(Deposit(twice.0)));
        Ok(())
    }
}

impl Handles<Watch> for Account {
    type Reply = ();

    async fn handle(&mut self, _watch: Watch, ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        ctx.spawn_monitor(|_ctx: Context<()>| async {});
        Ok(())
    }
}

impl Handles<Duration> for Account {
    type Reply = ();

    async fn handle(&mut self, time: Duration, ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        ctx.sleep(time).await;
        Ok(())
    }
}

async fn account(ctx: &mut Context<()>, log: &Log, waits: bool) -> ActorRef<Account> {
    let account = Account::start((log.clone(), waits)).name("account").link(ctx).await.unwrap();
    log.take();
    account
}

/// Waits until nobody has anything to do at this moment.
async fn settle(ctx: &Context<()>) {
    ctx.sleep(Duration::from_nanos(1)).await;
}

fn boom() -> ExitReason {
    ExitReason::error("boom")
}

#[test]
fn each_type_of_message_has_its_own_reply() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let account = account(&mut ctx, &log, false).await;
        account.cast(Deposit(5));
        let owner: Result<(), CallError> = account.call(Owner("Ada")).await;
        let balance: Result<Balance, CallError> = account.call(Deposit(5)).await;
        assert_eq!((owner, balance), (Ok(()), Ok(Balance(10))));
        assert_eq!(account.send_request(Deposit(1)).await, Ok(Balance(11)));
        assert_eq!(log.take(), "deposit 5, Ada, deposit 5, deposit 1");
    });
}

#[test]
fn an_actor_starts_as_any_server_does() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let first = account(&mut ctx, &log, false).await;
        let start = Account::start((log.clone(), false)).name("account").init_timeout(SECOND);
        assert!(matches!(start.link(&mut ctx).await, Err(StartError::Name(_))));
        assert_eq!(ActorRef::<Account>::named(ctx.system(), "account").pid(), first.pid());
        let registry = Registry::unique(ctx.system());
        let second = Account::start((log, false)).via(&registry, 7, ()).spawn(ctx.system()).await.unwrap();
        assert_eq!(ActorRef::from(registry.via(7)).call(Deposit(3)).await, Ok(Balance(3)));
        second.sys().stop(ExitReason::Normal).await.unwrap();
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_caller_whose_message_makes_the_actor_fail_hears_why() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let failing = account(&mut ctx, &log, false).await;
        let failed = failing.call(Fail(boom())).await;
        assert!(matches!(failed, Err(CallError::Down { reason, .. }) if reason == boom()));
        assert_eq!(log.take(), "terminate: boom");
        let panicking = account(&mut ctx, &log, false).await;
        let (panicked, waiting) = futures_lite::future::zip(panicking.call(Panic), panicking.call(Deposit(1))).await;
        for error in [panicked.err(), waiting.err()] {
            let Some(CallError::Down { reason: ExitReason::Panic(panic), .. }) = error else { panic!("{error:?}") };
            assert_eq!(panic.message(), "as ordered");
        }
        assert_eq!(log.take(), "terminate: as ordered");
    });
}

#[test]
fn an_actor_hears_of_other_processes_ends() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let account = account(&mut ctx, &log, false).await;
        account.call(Watch).await.unwrap();
        settle(&ctx).await;
        assert_eq!(log.take(), "down normal");
    });
}

#[test]
fn a_message_that_a_full_mailbox_rejects_is_given_back() {
    in_any_order(|mut ctx| async move {
        let mailbox = Mailbox::bounded(1).overflow(Overflow::Reject);
        let start = Account::start((Log::default(), false)).mailbox(mailbox);
        let account = start.link(&mut ctx).await.unwrap();
        account.cast(10 * SECOND);
        settle(&ctx).await;
        assert!(account.send(Deposit(1)).await.is_ok());
        let Err(SendError(Deposit(2))) = account.send(Deposit(2)).await else { panic!() };
    });
}

#[test]
fn a_state_is_seen_and_replaced_also_while_the_actor_is_suspended() {
    in_any_order(|mut ctx| async move {
        let account = account(&mut ctx, &Log::default(), false).await;
        account.sys().suspend().await.unwrap();
        account.cast(Deposit(5));
        let replace =
            |old: &Account| Account { log: old.log.clone(), waits: false, owner: None, limit: None, cents: 40 };
        account.replace(replace).await.unwrap();
        assert_eq!(account.inspect(|account| account.cents).await, Ok(40));
        account.sys().resume().await.unwrap();
        assert_eq!(account.inspect(|account| account.cents).await, Ok(45));
        let status = account.sys().get_status().await.unwrap();
        assert!(status.state.ends_with("Account"), "{status}");
    });
}

#[test]
fn what_waits_in_the_mailbox_is_handled_in_order_whatever_its_types() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let account = account(&mut ctx, &log, false).await;
        account.cast(Deposit(1));
        account.cast(Deposit(2));
        account.cast(Twice(3));
        account.cast(Owner("Ann"));
        account.cast(Owner("Bob"));
        assert_eq!(account.call(Deposit(4)).await, Ok(Balance(10)));
        assert_eq!(log.take(), "deposit 1, deposit 2, twice 3, deposit 3, Ann, Bob, deposit 4");
    });
}

#[test]
fn who_watches_an_actor_sees_each_of_the_messages_that_wait() {
    let test = TestSystem::new(1);
    let account = test.block_on(Account::start((Log::default(), false)).spawn(&test)).unwrap();
    let events = test.block_on(account.sys().trace()).unwrap();
    (1..=3).for_each(|cents| account.cast(Deposit(cents)));
    test.run_until_idle();
    assert_eq!(std::iter::from_fn(|| events.try_recv().ok()).count(), 3);
}

#[test]
fn an_actor_that_is_killed_handles_nothing_more_of_what_waits() {
    let test = TestSystem::new(1);
    let log = Log::default();
    let account = test.block_on(Account::start((log.clone(), false)).spawn(&test)).unwrap();
    log.take();
    account.cast(Deposit(1));
    account.cast(SECOND);
    (2..=3).for_each(|cents| account.cast(Deposit(cents)));
    test.run_until_idle();
    test.exit(&account, ExitReason::Kill);
    test.run_until_idle();
    assert_eq!(log.take(), "deposit 1");
    for _ in 0..2 {
        test.expect_dead_letter::<Dispatch<Account>>(DeadReason::DroppedAtExit);
    }
}

#[test]
fn what_comes_before_an_actor_is_ready_waits_and_is_handled_in_order_before_anything_newer() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let account = account(&mut ctx, &log, true).await;
        account.cast(Deposit(1));
        account.cast(Owner("Ada"));
        account.cast(Deposit(2));
        settle(&ctx).await;
        assert_eq!(log.take(), "Ada");
        account.cast(Limit(100));
        account.cast(Deposit(3));
        account.cast(Owner("Bob"));
        assert_eq!(account.call(Deposit(4)).await, Ok(Balance(10)));
        assert_eq!(log.take(), "ready, deposit 1, deposit 2, deposit 3, Bob, deposit 4");
    });
}

#[test]
fn a_call_that_waits_until_the_actor_is_ready_is_answered_then() {
    in_any_order(|mut ctx| async move {
        let account = account(&mut ctx, &Log::default(), true).await;
        let early = account.send_request(Deposit(1));
        account.cast(Owner("Ada"));
        account.cast(Limit(100));
        assert_eq!(early.await, Ok(Balance(1)));
    });
}

#[test]
fn an_actor_that_is_ready_at_once_begins_before_its_start_returns() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        Account::start((log.clone(), false)).link(&mut ctx).await.unwrap();
        assert_eq!(log.take(), "init, ready");
    });
}

#[test]
fn what_a_message_that_has_waited_continues_with_goes_before_the_others() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let account = account(&mut ctx, &log, true).await;
        account.cast(Twice(1));
        account.cast(Twice(2));
        account.cast(Owner("Ada"));
        account.cast(Limit(100));
        assert_eq!(account.call(Deposit(3)).await, Ok(Balance(6)));
        assert_eq!(log.take(), "Ada, ready, twice 1, deposit 1, twice 2, deposit 2, deposit 3");
    });
}

#[test]
fn what_waits_in_an_actor_that_ends_before_it_is_ready_is_a_dead_letter_or_its_caller_hears_why() {
    in_any_order(|mut ctx| async move {
        for (reason, dead) in [(boom(), DeadReason::DroppedAtExit), (ExitReason::Kill, DeadReason::Exited)] {
            let before = ctx.system().dead_letter_count_of(dead);
            let account = account(&mut ctx, &Log::default(), true).await;
            account.cast(Deposit(1));
            let waits = account.send_request(Deposit(2));
            settle(&ctx).await;
            ctx.exit(&account, reason.clone());
            let error = waits.await.unwrap_err();
            let ended = if reason == ExitReason::Kill { ExitReason::Killed } else { reason };
            assert!(matches!(&error, CallError::Down { reason, .. } if *reason == ended), "{error}");
            assert_eq!(ctx.system().dead_letter_count_of(dead), before + 2);
        }
    });
}

#[test]
fn what_waits_in_an_actor_that_fails_of_what_has_waited_is_not_lost() {
    in_any_order(|mut ctx| async move {
        let account = account(&mut ctx, &Log::default(), true).await;
        account.cast(Fail(boom()));
        account.cast(Deposit(1));
        let waits = account.send_request(Deposit(2));
        account.cast(Owner("Ada"));
        account.cast(Limit(100));
        assert!(matches!(waits.await, Err(CallError::Down { reason, .. }) if reason == boom()));
        assert_eq!(ctx.system().dead_letter_count(), 2);
    });
}

#[test]
fn what_waits_for_one_actor_is_never_handled_by_another() {
    // In Thespian all actors of a class share what waits.
    in_any_order(|mut ctx| async move {
        let logs = [Log::default(), Log::default()];
        let start = |log: &Log| Account::start((log.clone(), true));
        let first = start(&logs[0]).link(&mut ctx).await.unwrap();
        let second = start(&logs[1]).link(&mut ctx).await.unwrap();
        first.cast(Deposit(1));
        second.cast(Deposit(2));
        second.cast(Owner("Bob"));
        assert_eq!(second.call(Limit(1)).await, Ok(()));
        settle(&ctx).await;
        assert_eq!(logs[0].take(), "init");
        assert_eq!(logs[1].take(), "init, Bob, ready, deposit 2");
    });
}

#[test]
fn a_transient_actor_ends_so_long_after_its_first_message() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let start = Account::start((log.clone(), false)).transient(10 * SECOND);
        let account = start.clone().link(&mut ctx).await.unwrap();
        ctx.sleep(3600 * SECOND).await;
        account.cast(Deposit(1));
        ctx.sleep(9 * SECOND).await;
        account.cast(Deposit(2));
        let began = ctx.system().now();
        assert_eq!(account.address().exited().await, ExitReason::Normal);
        assert_eq!(ctx.system().now() - began, SECOND);
        assert_eq!(log.take(), "init, ready, deposit 1, deposit 2, terminate: normal");
        let unasked = start.link(&mut ctx).await.unwrap();
        ctx.sleep(3600 * SECOND).await;
        assert!(ctx.system().is_alive(&unasked));
    });
}

#[test]
fn a_transient_idle_actor_ends_when_it_has_handled_nothing_for_so_long() {
    in_any_order(|mut ctx| async move {
        let account = Account::start((Log::default(), false)).transient_idle(10 * SECOND).link(&mut ctx).await.unwrap();
        ctx.sleep(3600 * SECOND).await;
        for _ in 0..5 {
            account.cast(Deposit(1));
            ctx.sleep(9 * SECOND).await;
        }
        let began = ctx.system().now();
        assert_eq!(account.address().exited().await, ExitReason::Normal);
        assert_eq!(ctx.system().now() - began, SECOND);
    });
}

#[test]
fn an_actor_that_works_for_long_is_not_idle_and_loses_nothing_that_waits() {
    in_any_order(|mut ctx| async move {
        let account = Account::start((Log::default(), false)).transient_idle(10 * SECOND).link(&mut ctx).await.unwrap();
        account.cast(60 * SECOND);
        ctx.sleep(30 * SECOND).await;
        assert_eq!(account.call(Deposit(1)).without_timeout().await, Ok(Balance(1)));
    });
}

#[test]
fn a_transient_actor_never_sees_the_timer_that_ends_it() {
    // In Thespian it is one of the actor's own wake-ups.
    let test = TestSystem::new(1);
    test.run(|mut ctx: Context<()>| async move {
        let log = Log::default();
        let account = Account::start((log.clone(), true)).transient_idle(SECOND).link(&mut ctx).await.unwrap();
        account.cast(Owner("Ada"));
        account.address().exited().await;
        assert_eq!(log.take(), "init, Ada, terminate: normal");
    });
    test.run_until_idle();
    assert_eq!(test.timer_count(), 0);
}
