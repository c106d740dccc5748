//! How applications stop, and what it means that one has ended.

use std::time::Duration;

use proscenium_behaviours::{GenServer, ServerLoop, Start};
use proscenium_runtime::{Context, Event, ExitReason};
use proscenium_supervisor::application::{
    AppContext, Application, ApplicationEnded, ApplicationError, ApplicationSpec, Applications,
};
use proscenium_supervisor::{Restart, Supervisor};

use crate::common::{App, Log, names, play, start};

fn three(log: &Log) -> Vec<ApplicationSpec> {
    vec![log.app("a"), log.app("b").depends_on("a"), log.app("c")]
}

#[test]
fn a_stop_calls_back_before_and_after_the_tree_and_affects_no_other() {
    play(three, |ctx, applications, log| async move {
        applications.ensure_all_started(["b"], Restart::Permanent).await.unwrap();
        log.take();
        applications.stop("a").await.unwrap();
        assert_eq!(log.take(), "a prep_stop, a stop");
        assert_eq!(names(&applications).await, "b", "whatever it depends on");
        assert!(ctx.system().whereis("a").is_none());
        assert_eq!(applications.stop("a").await, Err(ApplicationError::NotStarted { name: "a".into() }));
        let unknown = applications.stop("d").await.unwrap_err();
        assert!(matches!(unknown, ApplicationError::Unknown { .. }));
        start(&applications, "a").await;
        assert_eq!(names(&applications).await, "b a");
    });
}

#[test]
fn when_the_controller_is_told_to_exit_all_stop_in_reverse_order_of_their_starts() {
    play(three, |mut ctx, applications, log| async move {
        for name in ["c", "a", "b"] {
            start(&applications, name).await;
        }
        log.take();
        let controller = applications.pid().unwrap();
        ctx.exit(controller, ExitReason::Shutdown);
        let Event::Exit(exit) = ctx.receive().await else { panic!("only the controller is linked") };
        assert_eq!((exit.pid, exit.reason), (controller, ExitReason::Shutdown));
        assert_eq!(log.take(), "b prep_stop, b stop, a prep_stop, a stop, c prep_stop, c stop");
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn nothing_of_an_application_is_left_when_it_has_stopped() {
    play(three, |ctx, applications, _log| async move {
        let before = ctx.system().process_count();
        start(&applications, "a").await;
        assert_eq!(ctx.system().process_count(), before + 4, "master, supervisor, worker, and what that has spawned");
        applications.stop("a").await.unwrap();
        assert_eq!(ctx.system().process_count(), before);
    });
}

#[test]
fn a_callback_that_panics_does_not_hold_up_the_stop() {
    for callback in ["prep_stop", "stop"] {
        let apps = move |log: &Log| vec![ApplicationSpec::new("a", App { panics_in: Some(callback), ..log.plain() })];
        play(apps, |ctx, applications, log| async move {
            let before = ctx.system().process_count();
            start(&applications, "a").await;
            applications.stop("a").await.unwrap();
            assert_eq!(log.take(), "a start, a prep_stop, a stop");
            assert_eq!(ctx.system().process_count(), before);
        });
    }
}

/// Makes the top of `b` end by a kill, and tells with what the controller ends, or `None` if it lives.
async fn end_b(ctx: &mut Context<()>, applications: &Applications, restart: Restart) -> Option<ExitReason> {
    start(applications, "a").await;
    applications.start("b", restart).await.unwrap();
    ctx.system().named("b").cast(());
    let exit = ctx.receive_timeout(Duration::from_secs(1)).await;
    exit.map(|event| match event {
        Event::Exit(exit) => exit.reason,
        _ => unreachable!("only exits come"),
    })
}

#[test]
fn the_end_of_a_temporary_application_is_only_reported() {
    play(three, |mut ctx, applications, log| async move {
        assert_eq!(end_b(&mut ctx, &applications, Restart::Temporary).await, None);
        assert_eq!(names(&applications).await, "a");
        // Who kills a supervisor kills its children a little later.
        assert!(log.take().replace(" with its worker", "").ends_with("b prep_stop, b stop"));
        start(&applications, "b").await;
    });
}

#[test]
fn the_end_of_a_permanent_application_or_of_a_transient_one_that_is_not_normal_ends_all() {
    for restart in [Restart::Permanent, Restart::Transient] {
        play(three, move |mut ctx, applications, log| async move {
            let ended = end_b(&mut ctx, &applications, restart).await.unwrap();
            let expected = ApplicationEnded { name: "b".into(), reason: ExitReason::Killed };
            assert_eq!(ended.downcast_ref::<ApplicationEnded>(), Some(&expected));
            let log = log.take().replace("b stop with its worker", "b stop");
            assert!(log.ends_with("b prep_stop, b stop, a prep_stop, a stop"));
            assert_eq!(ctx.system().process_count(), 1);
        });
    }
}

/// An application that is a single server, which has done its work once it gets a message.
#[derive(Clone)]
struct Brief;

impl GenServer for Brief {
    type Args = ();
    type Message = ();

    async fn init(_args: (), _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
        Ok(Brief)
    }

    async fn handle(&mut self, _message: (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
        Err(ExitReason::Normal)
    }
}

impl Application for Brief {
    type Env = ();
    type Top = Start<ServerLoop<Brief>>;

    async fn start(&mut self, _app: &AppContext<()>) -> Result<Start<ServerLoop<Brief>>, ExitReason> {
        Ok(<Brief as GenServer>::start(()).name("b"))
    }
}

#[test]
fn the_end_of_a_transient_application_that_is_normal_is_only_reported() {
    let apps = |log: &Log| vec![log.app("a"), ApplicationSpec::new("b", Brief)];
    play(apps, |mut ctx, applications, _log| async move {
        assert_eq!(end_b(&mut ctx, &applications, Restart::Transient).await, None);
        assert_eq!(names(&applications).await, "a");
    });
    play(apps, |mut ctx, applications, _log| async move {
        let ended = end_b(&mut ctx, &applications, Restart::Permanent).await.unwrap();
        assert_eq!(ended.to_string(), r#"application "b" has ended: normal"#);
    });
}

/// Asks for others while it stops.
#[derive(Clone)]
struct Curious(Log);

impl Application for Curious {
    type Env = ();
    type Top = Supervisor;

    async fn start(&mut self, _app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
        Ok(Supervisor::one_for_one())
    }

    async fn prep_stop(&mut self, app: &AppContext<()>) {
        let running = app.applications().which().await.unwrap().join(" ");
        let start = app.applications().start("c", Restart::Temporary).await.unwrap_err();
        let stop = app.applications().stop("c").await.unwrap_err();
        self.0.add(format!("{running}: {start}, {stop}"));
    }
}

#[test]
fn who_asks_the_controller_while_all_stop_gets_an_answer() {
    let apps = |log: &Log| vec![log.app("a"), ApplicationSpec::new("b", Curious(log.clone())), log.app("c")];
    play(apps, |mut ctx, applications, log| async move {
        start(&applications, "a").await;
        start(&applications, "b").await;
        log.take();
        ctx.exit(applications.pid().unwrap(), ExitReason::Shutdown);
        ctx.receive().await;
        let answers = r#"a b: all applications are being stopped, application "c" is not started"#;
        assert_eq!(log.take(), format!("{answers}, a prep_stop, a stop"));
    });
}

#[test]
fn a_start_that_waits_is_answered_when_all_end() {
    play(three, |mut ctx, applications, _log| async move {
        let controller = applications.pid().unwrap();
        let starting = applications.clone();
        let waiting = ctx.spawn(move |_ctx: Context<()>| async move {
            let outcome = starting.start("a", Restart::Permanent).await;
            assert!(matches!(outcome, Ok(()) | Err(ApplicationError::Start { .. } | ApplicationError::Call(_))));
        });
        ctx.exit(controller, ExitReason::Shutdown);
        assert_eq!(waiting.exited().await, ExitReason::Normal);
    });
}
