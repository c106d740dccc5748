//! What supervisors report.

use proscenium_runtime::{ChildKind, Context, ErrorContext, Offender, Report};
use proscenium_supervisor::{ChildSpec, Restart, Shutdown, Supervisor};

use crate::common::{Log, crash, in_any_order};

/// The reports that have come: what each is about, and of whom.
fn told(ctx: &Context<()>) -> impl Fn() -> Vec<String> + use<> {
    let reports = ctx.system().reports();
    move || {
        let reports = std::iter::from_fn(|| reports.try_recv().ok());
        reports
            .map(|report| match report {
                Report::Crash(crash) => {
                    format!("{} of {} crashed", crash.name.as_deref().unwrap_or("?"), crash.ancestors)
                }
                Report::Terminate(server) => format!("{} terminates", server.name.as_deref().unwrap_or("?")),
                Report::Supervisor(report) => {
                    let name = report.name.as_deref().unwrap_or("?");
                    format!("{name}: {:?} {}", report.context, report.offender.id)
                }
                Report::Progress(progress) => {
                    let (name, why) = (progress.name.as_deref().unwrap_or("?"), progress.requested);
                    format!("{name}: started {}{}", progress.id, if why { " on request" } else { "" })
                }
                other => panic!("nobody reports {other:?}"),
            })
            .collect()
    }
}

#[test]
fn starts_restarts_and_failures_are_reported_and_what_was_asked_for_as_such() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let told = told(&ctx);
        let supervisor = Supervisor::one_for_one().name("shop").child(log.actor("a").spec());
        let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
        assert_eq!(told(), ["shop: started a"]);
        // OTP's external_start_no_progress_log.
        supervisor.start_child(log.actor("b").spec()).await.unwrap();
        assert_eq!(told(), ["shop: started b on request"]);
        crash(&ctx, "b").await;
        let of = format!("shop, {}", ctx.pid());
        let crash = ["b terminates".to_owned(), format!("b of {of} crashed")];
        assert_eq!(told(), [&crash[..], &["shop: ChildTerminated b".into(), "shop: started b".into()]].concat());
    });
}

#[test]
fn a_supervisor_report_tells_what_the_spec_of_the_child_says() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let reports = ctx.system().reports();
        let spec = log.actor("a").spec().restart(Restart::Transient).shutdown(Shutdown::BrutalKill);
        let nested = ChildSpec::new("b", Supervisor::one_for_one());
        let supervisor = Supervisor::one_for_one().intensity(0).child(spec).child(nested);
        supervisor.start_link(&mut ctx).await.unwrap();
        crash(&ctx, "a").await;
        let reports: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok())
            .filter_map(|report| match report {
                Report::Supervisor(report) => Some(report),
                _ => None,
            })
            .collect();
        let [terminated, given_up] = &reports[..] else { panic!("not two: {reports:?}") };
        assert_eq!(terminated.context, ErrorContext::ChildTerminated);
        let Offender { id, restart, shutdown, significant, kind, .. } = &terminated.offender;
        assert_eq!((&**id, *restart, *shutdown), ("a", Restart::Transient, Shutdown::BrutalKill));
        assert_eq!((*significant, *kind), (false, ChildKind::Worker));
        assert_eq!((given_up.context, &given_up.offender), (ErrorContext::Shutdown, &terminated.offender));
        let reason = "reached the maximum restart intensity: more than 0 within 5s";
        assert_eq!(given_up.reason.to_string(), reason);
    });
}
