//! Processes that become servers, and loops of one's own.

use std::any::{Any, type_name};
use std::fmt;

use proscenium_behaviours::{GenServer, Received, Subject, Sys, SysEventKind, SysState};
use proscenium_runtime::{Context, Event, ExitReason, Reply, Report, SpawnOptions};

use super::common::{Adder, Ask, Kind, PLAIN, SECOND, in_any_order, settle};

async fn become_adder(mut ctx: Context<Ask>, kind: Kind) -> Result<(), ExitReason> {
    let Ask::Add(first) = ctx.receive_message().await else { panic!() };
    let adder = Adder::init(kind, &mut ctx).await?;
    adder.with_total(first).enter_loop(ctx).await
}

#[test]
fn a_process_that_has_become_a_server_is_one_from_then_on() {
    in_any_order(|mut ctx| async move {
        let kind = Kind { heir: Some(ctx.address()), ..PLAIN };
        let options = SpawnOptions::new().name("adder");
        let adder = ctx.spawn_link_with(options, |ctx: Context<Ask>| become_adder(ctx, kind)).unwrap();
        let sys = Sys::new(ctx.system(), "adder");
        assert!(sys.get_status().await.is_err(), "not yet");
        adder.cast(Ask::Add(10));
        adder.cast(Ask::Add(1));
        assert_eq!(adder.call(Ask::Total).await, Ok(11));
        let status = sys.get_status().await.unwrap();
        assert_eq!((&*status.state, status.parent), ("total 11, password hidden", Some(ctx.pid())));
        assert_eq!(sys.stop(ExitReason::Shutdown).await, Ok(()));
        assert_eq!(ctx.receive().await, Event::Message(()), "terminate was called");
        assert!(matches!(ctx.receive().await, Event::Exit(exit) if exit.reason == ExitReason::Shutdown));
    });
}

#[test]
fn a_server_that_a_process_has_become_ends_in_order_with_its_parent_by_whatever_name_that_goes() {
    for name in [None, Some("parent")] {
        in_any_order(move |mut ctx| async move {
            let kind = Kind { traps: true, heir: Some(ctx.address()), last_words: SECOND };
            let options = name.map_or(SpawnOptions::new(), |name| SpawnOptions::new().name(name));
            let parent = ctx.spawn_link_with(options, |mut ctx: Context<()>| async move {
                let adder = ctx.spawn_link(|ctx: Context<Ask>| become_adder(ctx, kind));
                adder.cast(Ask::Add(0));
                ctx.receive_message().await;
                Err::<(), _>(ExitReason::Shutdown)
            });
            let parent = parent.unwrap();
            settle(&ctx).await;
            parent.cast(());
            assert!(matches!(ctx.receive().await, Event::Exit(exit) if exit.reason == ExitReason::Shutdown));
            assert_eq!(ctx.receive().await, Event::Message(()), "terminate was called");
        });
    }
}

#[test]
fn a_server_that_a_process_has_become_reports_its_failure_as_any_other() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        let adder = ctx.spawn(|ctx: Context<Ask>| become_adder(ctx, PLAIN));
        adder.cast(Ask::Add(5));
        adder.cast(Ask::Fail);
        adder.exited().await;
        let Ok(Report::Terminate(report)) = reports.try_recv() else { panic!() };
        assert_eq!((Some(report.pid), &*report.state), (adder.pid(), "total 5, password hidden"));
        assert!(matches!(reports.try_recv(), Ok(Report::Crash(_))));
    });
}

/// The tickets that a loop of one's own gives out.
struct Tickets(u32);

impl Subject for Tickets {
    fn behaviour(&self) -> &'static str {
        "tickets"
    }

    fn state(&mut self) -> &mut dyn Any {
        &mut self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<u32>()
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "next is {}", self.0)
    }
}

/// Gives out tickets, and skips one whenever nobody has come for a second.
async fn give_out_tickets(mut ctx: Context<Reply<u32>>) -> Result<(), ExitReason> {
    let (mut tickets, mut sys) = (Tickets(1), SysState::new());
    loop {
        let closes_at = ctx.system().now() + SECOND;
        match sys.receive_deadline(&mut ctx, &mut tickets, closes_at).await {
            Some(Received::Event(Event::Message(reply))) => {
                sys.note(&ctx, SysEventKind::In, |f| f.write_str("somebody"));
                reply.send(tickets.0);
                tickets.0 += 1;
            }
            Some(Received::Event(_)) => {}
            Some(Received::Stop(reason)) => return Err(reason),
            None => tickets.0 += 1,
        }
    }
}

#[test]
fn a_loop_of_ones_own_answers_as_behaviours_do() {
    in_any_order(|mut ctx| async move {
        let options = SpawnOptions::new().behaviour().name("tickets");
        let office = ctx.spawn_link_with(options, give_out_tickets).unwrap();
        let sys = Sys::new(ctx.system(), "tickets");
        let status = sys.get_status().await.unwrap();
        assert_eq!((status.behaviour, &*status.state), ("tickets", "next is 1"));
        sys.log(1).await.unwrap();
        assert_eq!(office.call(|reply| reply).await, Ok(1));
        assert_eq!(&*sys.get_log().await.unwrap()[0].text, "somebody");
        sys.replace_state(|next: &u32| next + 10).await.unwrap();
        assert_eq!(office.call(|reply| reply).await, Ok(12));

        sys.suspend().await.unwrap();
        ctx.sleep(SECOND / 2).await;
        assert_eq!(sys.get_state(|next: &u32| *next).await, Ok(13));
        ctx.sleep(SECOND).await;
        sys.resume().await.unwrap();
        assert_eq!(office.call(|reply| reply).await, Ok(14), "one was skipped");
        assert_eq!(sys.stop(ExitReason::Normal).await, Ok(()));
    });
}
