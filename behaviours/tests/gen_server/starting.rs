//! Starts: the starter waits for `init`, and a start that fails leaves nothing.

use proscenium_behaviours::{EventManager, GenServer};
use proscenium_runtime::{Context, Event, ExitReason, KeyError, RegisterError, Registry, Reply, Report, StartError};

use super::common::{Init, Log, Order, SECOND, boom, in_any_order, settle};

#[test]
fn the_starter_waits_until_init_is_done() {
    in_any_order(|mut ctx| async move {
        let server = Log::default().server().init(Init::Takes(3600 * SECOND));
        let began = ctx.system().now();
        server.start().link(&mut ctx).await.unwrap();
        assert_eq!(ctx.system().now() - began, 3600 * SECOND);
        server.start().spawn(ctx.system()).await.unwrap();
        assert_eq!(ctx.system().now() - began, 2 * 3600 * SECOND);
    });
}

#[test]
fn a_failed_init_is_told_to_the_starter_and_leaves_nothing() {
    let inits = [Init::Fails, Init::FailsQuietly, Init::Panics, Init::Ignores, Init::IsKilled, Init::Takes(2 * SECOND)];
    for init in inits {
        in_any_order(move |mut ctx| async move {
            let start = Log::default().server().init(init).start();
            let start = start.name("server").init_timeout(SECOND);
            for way in ["link", "spawn", "monitor"] {
                let started = match way {
                    "link" => start.clone().link(&mut ctx).await,
                    "spawn" => start.clone().spawn(ctx.system()).await,
                    _ => start.clone().monitor(&mut ctx).await.map(|(server, _)| server),
                };
                let error = started.unwrap_err();
                let as_expected = match init {
                    Init::Fails | Init::FailsQuietly => error == StartError::Init(ExitReason::error("no luck")),
                    Init::Panics => matches!(&error, StartError::Init(ExitReason::Panic(_))),
                    Init::Ignores => error == StartError::Ignored,
                    Init::IsKilled => error == StartError::Init(ExitReason::Killed),
                    Init::Takes(_) | Init::Succeeds => error == StartError::Timeout(SECOND),
                };
                assert!(as_expected, "{init:?} {error:?}");
                assert_eq!(ctx.system().whereis("server"), None);
                assert_eq!(ctx.system().process_count(), 1);
                settle(&ctx).await;
                assert_eq!(ctx.try_receive_matching(|_| true), None, "{init:?}");
            }
        });
    }
}

#[test]
fn only_a_start_that_fails_and_does_not_say_so_to_its_starter_alone_makes_a_crash_report() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        for (init, crashes) in [(Init::Fails, 1), (Init::Panics, 1), (Init::FailsQuietly, 0), (Init::Ignores, 0)] {
            Log::default().server().init(init).start().link(&mut ctx).await.unwrap_err();
            let reported: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).collect();
            assert!(reported.iter().all(|report| matches!(report, Report::Crash(_))), "{reported:?}");
            assert_eq!(reported.len(), crashes, "{init:?}");
        }
    });
}

#[test]
fn a_server_that_is_started_monitored_has_no_parent_and_its_end_is_told_once() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (server, monitor) = log.server().start().monitor(&mut ctx).await.unwrap();
        let pid = server.pid().unwrap();
        assert_eq!(ctx.system().process_info(pid).unwrap().parent, None);
        assert!(!ctx.is_linked(pid));
        // No parent's order: news like any other.
        ctx.exit(pid, boom());
        settle(&ctx).await;
        assert_eq!(log.take(), "init, exit boom");
        server.cast(Order::Stop(ExitReason::Shutdown));
        let Event::Down(down) = ctx.receive().await else { panic!() };
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Shutdown));
        settle(&ctx).await;
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn terminate_is_not_called_for_what_never_was() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        for init in [Init::Fails, Init::Panics, Init::Ignores, Init::IsKilled] {
            log.server().init(init).start().link(&mut ctx).await.unwrap_err();
            assert_eq!(log.take(), "init", "{init:?}");
        }
    });
}

#[test]
fn a_name_that_is_taken_fails_the_start_before_init() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let first = log.server().start().name("server").link(&mut ctx).await.unwrap();
        assert_eq!(log.take(), "init");
        let error = log.server().start().name("server").link(&mut ctx).await.unwrap_err();
        let StartError::Name(RegisterError::Taken { name, owner }) = &error else { panic!("{error:?}") };
        assert_eq!((&**name, Some(*owner)), ("server", first.pid()));
        assert_eq!(log.take(), "");
    });
}

/// Finds itself by its name in `init`.
struct Known;

impl GenServer for Known {
    type Args = ();
    type Message = ();

    async fn init((): (), ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        assert_eq!(ctx.system().whereis("known"), Some(ctx.pid()));
        Ok(Known)
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        Err(ExitReason::Normal)
    }
}

#[test]
fn a_server_has_its_name_from_before_init_until_its_end() {
    in_any_order(|mut ctx| async move {
        let known = Known::start(()).name("known").link(&mut ctx).await.unwrap();
        known.cast(());
        assert_eq!(known.exited().await, ExitReason::Normal);
        assert_eq!(ctx.system().whereis("known"), None);
        Known::start(()).name("known").link(&mut ctx).await.unwrap();
    });
}

#[test]
fn a_start_can_be_carried_out_again() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let start = log.server().start().name("server");
        for _ in 0..3 {
            let server = start.clone().link(&mut ctx).await.unwrap();
            server.cast(Order::Say("hello"));
            server.cast(Order::Stop(ExitReason::Normal));
            server.exited().await;
            assert_eq!(log.take(), "init, hello, terminate normal after 2, done");
        }
    });
}

#[test]
fn a_start_that_is_given_up_kills_the_server() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let start = log.server().init(Init::Takes(3600 * SECOND)).start().name("server");
        let late = ctx.sleep(SECOND);
        let started = async { Some(start.link(&mut ctx).await) };
        let given_up = futures_lite::future::or(started, async {
            late.await;
            None
        })
        .await;
        assert!(given_up.is_none());
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
        assert_eq!(log.take(), "init");
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_monitored_start_that_is_given_up_brings_no_down() {
    in_any_order(|mut ctx| async move {
        let start = Log::default().server().init(Init::Takes(3600 * SECOND)).start();
        let late = ctx.sleep(SECOND);
        assert!(late.limit(start.monitor(&mut ctx)).await.is_none());
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_starter_that_ends_takes_along_what_it_starts() {
    in_any_order(|mut ctx| async move {
        let life = Log::default().server().deaf().init(Init::Takes(3600 * SECOND));
        let starter = ctx.spawn(move |mut ctx: Context<()>| async move {
            let _ = life.start().link(&mut ctx).await;
        });
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 3);
        ctx.exit(starter.pid().unwrap(), ExitReason::Kill);
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn a_bounded_mailbox_is_as_large_as_asked() {
    in_any_order(|mut ctx| async move {
        let start = Log::default().server().start();
        let server = start.mailbox(proscenium_runtime::Mailbox::bounded(2)).link(&mut ctx).await.unwrap();
        assert!(server.try_send(Order::Say("1")).is_ok());
        assert!(server.try_send(Order::Say("2")).is_ok());
        assert!(server.try_send(Order::Say("3")).is_err());
    });
}

/// Finds itself by its key in `init`.
struct Room;

impl GenServer for Room {
    type Args = Registry<u32, (), &'static str>;
    type Message = ();

    async fn init(rooms: Self::Args, ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        assert_eq!((rooms.keys(ctx.pid()), rooms.values(&7, ctx.pid())), (vec![7], vec!["blue"]));
        Ok(Room)
    }

    async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        Err(ExitReason::Normal)
    }
}

#[test]
fn a_server_has_its_key_from_before_init_until_its_end_and_meanwhile_nobody_else_starts_under_it() {
    in_any_order(|mut ctx| async move {
        let rooms = Registry::unique(ctx.system());
        let start = Room::start(rooms.clone()).via(&rooms, 7, "blue");
        let room = start.clone().link(&mut ctx).await.unwrap();
        let owner = room.pid().expect("it is of a process");
        let taken = KeyError::Taken { key: "7".into(), owner };
        let refused = start.clone().link(&mut ctx).await;
        assert_eq!(refused, Err(StartError::Name(RegisterError::Key(taken))));
        rooms.via(7).cast(());
        assert_eq!(room.exited().await, ExitReason::Normal);
        assert_eq!(rooms.count(), 0);
        start.link(&mut ctx).await.unwrap();
    });
}

/// Says what it was given.
struct Echo<T>(T);

impl<T: Clone + Send + Sync + 'static> GenServer for Echo<T> {
    type Args = T;
    type Message = Reply<T>;

    async fn init(said: T, _ctx: &mut Context<Reply<T>>) -> Result<Self, ExitReason> {
        Ok(Echo(said))
    }

    async fn handle(&mut self, reply: Reply<T>, _ctx: &mut Context<Reply<T>>) -> Result<(), ExitReason> {
        reply.send(self.0.clone());
        Ok(())
    }
}

/// That this compiles is the point: a future that holds what is generic over a borrow is `Send` only if it says so.
#[test]
fn a_server_that_is_made_of_a_static_borrow_is_started_in_every_way() {
    in_any_order(|mut ctx| async move {
        let linked = Echo::<&str>::start("linked").link(&mut ctx).await.unwrap();
        let parent = ctx.as_parent();
        let child = Echo::<&str>::start("child").link_to(&parent).await.unwrap();
        let spawned = Echo::<&str>::start("spawned").spawn(ctx.system()).await.unwrap();
        let (monitored, _) = Echo::<&str>::start("monitored").monitor(&mut ctx).await.unwrap();
        for (server, said) in [(linked, "linked"), (child, "child"), (spawned, "spawned"), (monitored, "monitored")] {
            assert_eq!(server.call(|reply| reply).await, Ok(said));
        }
        let events = EventManager::<&str>::start().link(&mut ctx).await.unwrap();
        assert_eq!(events.which_handlers().await, Ok(vec![]));
    });
}
