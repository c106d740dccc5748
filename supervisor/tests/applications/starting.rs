//! What starts when, and what is left when a start fails.

use std::time::Duration;

use proscenium_runtime::ExitReason;
use proscenium_supervisor::application::{AppContext, Application, ApplicationError, ApplicationSpec, Environment};
use proscenium_supervisor::{Restart, Supervisor};

use crate::common::{App, names, play, refused, start};

#[test]
fn what_an_application_depends_on_must_run() {
    let apps =
        |log: &crate::common::Log| vec![log.app("shop").depends_on("stock").optionally("music"), log.app("stock")];
    play(apps, |_ctx, applications, log| async move {
        let error = applications.start("shop", Restart::Temporary).await.unwrap_err();
        assert_eq!(error.to_string(), r#"application "shop" depends on "stock", which is not started"#);
        assert_eq!(log.take(), "");
        start(&applications, "stock").await;
        start(&applications, "shop").await;
        assert_eq!(
            (log.take().as_str(), names(&applications).await.as_str()),
            ("stock start, shop start", "stock shop")
        );
        let again = applications.start("shop", Restart::Temporary).await.unwrap_err();
        assert_eq!(again, ApplicationError::AlreadyStarted { name: "shop".into() });
    });
}

#[test]
fn ensure_all_started_starts_dependencies_first_and_tells_what_it_has_started() {
    let apps = |log: &crate::common::Log| {
        vec![
            log.app("shop").depends_on("stock").optionally("music"),
            log.app("stock"),
            log.app("music"),
            log.app("other"),
        ]
    };
    play(apps, |_ctx, applications, log| async move {
        start(&applications, "stock").await;
        let started = applications.ensure_all_started(["shop"], Restart::Temporary).await.unwrap();
        assert_eq!(started, ["music".into(), "shop".into()]);
        assert_eq!(log.take(), "stock start, music start, shop start");
        let started = applications.ensure_all_started(["shop", "music"], Restart::Temporary).await.unwrap();
        assert!(started.is_empty());
    });
}

#[test]
fn ensure_all_started_undoes_what_it_did_if_one_fails() {
    let apps = |log: &crate::common::Log| {
        let bad = App { fails_in: Some("start"), ..log.plain() };
        vec![log.app("a"), log.app("b").depends_on("a"), ApplicationSpec::new("c", bad).depends_on("b")]
    };
    play(apps, |ctx, applications, log| async move {
        start(&applications, "a").await;
        log.take();
        let error = applications.ensure_all_started(["c"], Restart::Permanent).await.unwrap_err();
        assert_eq!(error.to_string(), r#"application "c" did not start: no luck"#);
        assert_eq!(log.take(), "b start, c start, b prep_stop, b stop");
        assert_eq!(names(&applications).await, "a");
        assert!(ctx.system().whereis("b").is_none());
    });
}

#[test]
fn a_failed_start_leaves_nothing_and_may_be_tried_again() {
    for panics in [false, true] {
        let apps = move |log: &crate::common::Log| {
            let bad = Some("open");
            let app = if panics { App { panics_in: bad, ..log.plain() } } else { App { fails_in: bad, ..log.plain() } };
            vec![ApplicationSpec::new("shop", app).phase("light").phase("open").phase("greet")]
        };
        play(apps, |ctx, applications, log| async move {
            let before = ctx.system().process_count();
            for _ in 0..2 {
                let error = applications.start("shop", Restart::Permanent).await.unwrap_err();
                assert!(matches!(error, ApplicationError::Start { .. }), "{error}");
                assert_eq!(log.take(), "shop start, shop light, shop open, shop stop");
                assert_eq!((ctx.system().process_count(), names(&applications).await.as_str()), (before, ""));
            }
        });
    }
}

#[test]
fn phases_are_gone_through_in_order_before_the_start_returns() {
    play(
        |log| vec![log.app("shop").phase("light").phase("open")],
        |ctx, applications, log| async move {
            start(&applications, "shop").await;
            assert_eq!(log.take(), "shop start, shop light, shop open");
            assert!(ctx.system().whereis("shop").is_some());
        },
    );
}

#[test]
fn two_who_start_one_at_the_same_time_get_one_of_it() {
    play(
        |log| vec![log.app("shop")],
        |_ctx, applications, log| async move {
            let (first, second) = futures_lite::future::zip(
                applications.start("shop", Restart::Temporary),
                applications.start("shop", Restart::Temporary),
            )
            .await;
            assert_eq!((first, second), (Ok(()), Err(ApplicationError::AlreadyStarted { name: "shop".into() })));
            assert_eq!(log.take(), "shop start");
        },
    );
}

/// Never gets through its start, and is asked for others meanwhile.
#[derive(Clone)]
struct Slow;

impl Application for Slow {
    type Env = ();
    type Top = Supervisor;

    async fn start(&mut self, app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
        app.applications().start("shop", Restart::Temporary).await?;
        app.system().sleep(Duration::from_secs(3600)).await;
        Ok(Supervisor::one_for_one())
    }
}

#[test]
fn while_one_is_starting_others_start_and_stop() {
    let apps = |log: &crate::common::Log| vec![log.app("shop"), ApplicationSpec::new("slow", Slow)];
    play(apps, |ctx, applications, log| async move {
        let slow = applications.clone();
        ctx.system().spawn(move |_ctx: proscenium_runtime::Context<()>| async move {
            slow.start("slow", Restart::Temporary).await.unwrap();
        });
        ctx.sleep(Duration::from_secs(1)).await;
        assert_eq!(names(&applications).await, "shop");
        applications.stop("shop").await.unwrap();
        assert_eq!(log.take(), "shop start, shop prep_stop, shop stop");
        let not_started = ApplicationError::NotStarted { name: "slow".into() };
        assert_eq!(applications.stop("slow").await, Err(not_started));
        ctx.sleep(Duration::from_secs(3600)).await;
        assert_eq!(names(&applications).await, "slow");
    });
}

#[test]
fn wrong_specs_are_refused_before_anything_starts() {
    let log = crate::common::Log::default();
    let refused = |specs| refused(specs, Environment::new());
    let circle = refused(vec![log.app("a").depends_on("b"), log.app("b").depends_on("a")]);
    assert_eq!(circle, r#"its init failed: applications depend on each other: "a" -> "b" -> "a""#);
    let missing = refused(vec![log.app("shop").depends_on("stok"), log.app("stock")]);
    assert_eq!(missing, r#"its init failed: "shop" depends on "stok", which is not there, did you mean `stock`?"#);
    let twice = refused(vec![log.app("a"), log.app("a")]);
    assert_eq!(twice, r#"its init failed: two applications have the name "a""#);
    assert_eq!(log.take(), "");
}
