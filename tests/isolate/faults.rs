//! What a server does to its OS process is an exit reason, and nothing more.

use futures_lite::future::block_on;
use proscenium::isolate::{IsolateError, isolate};
use proscenium::prelude::*;
use proscenium::{DeadReason, JobFault, Recipient, Troupe};
use rustix::process::Signal;

use crate::common::{OsProcess, fate, fault, signal_of, system, workshop};
use crate::workshop::{Do, Workshop};

pub(crate) fn a_panic_is_the_exit_reason_with_its_message_and_place() {
    let ExitReason::Panic(panic) = fate(Do::Panic("out of wood".into())) else { panic!("it is no panic") };
    assert_eq!(panic.message(), "out of wood");
    let location = panic.location().expect("it is told");
    assert!(location.starts_with("tests/isolate/workshop.rs:"), "{location}");
}

pub(crate) fn an_error_is_the_exit_reason_with_all_its_causes() {
    let reason = fate(Do::Fail);
    assert_eq!(reason, ExitReason::error("the saw is blunt"));
    assert_eq!(reason.to_string(), "the saw is blunt: invalid digit found in string");
}

pub(crate) fn an_abort_is_an_exit_reason() {
    let reason = fate(Do::Abort);
    assert_eq!(signal_of(&reason), Signal::ABORT.as_raw());
    assert!(reason.to_string().starts_with("its OS process was ended by signal 6 (SIGABRT)"), "{reason}");
}

pub(crate) fn a_segfault_is_an_exit_reason() {
    assert_eq!(signal_of(&fate(Do::Segfault)), Signal::SEGV.as_raw());
}

pub(crate) fn a_stack_overflow_is_an_exit_reason() {
    assert_eq!(signal_of(&fate(Do::Overflow)), Signal::ABORT.as_raw());
}

pub(crate) fn an_exit_is_an_exit_reason_also_with_status_zero() {
    for status in [0, 1, 42] {
        let reason = fate(Do::Exit(status));
        assert_eq!(fault(&reason), IsolateError::Exited { status });
        assert!(reason.is_crash(), "nobody asked it to end");
    }
}

pub(crate) fn a_kill_from_outside_is_an_exit_reason() {
    let system = system();
    let workshop = workshop(&system);
    OsProcess::of(block_on(workshop.call(Do::OsPid)).unwrap()).kill();
    assert_eq!(signal_of(&block_on(workshop.exited())), Signal::KILL.as_raw());
}

pub(crate) fn a_server_that_wants_more_memory_than_it_may_have_aborts() {
    let system = system();
    let start = isolate::<Workshop>(false).memory_limit(256 << 20);
    let workshop = block_on(start.spawn(&system)).unwrap();
    workshop.cast(Do::Allocate(16 << 20));
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(2), "as much is there");
    workshop.cast(Do::Allocate(512 << 20));
    assert_eq!(signal_of(&block_on(workshop.exited())), Signal::ABORT.as_raw());
}

pub(crate) fn a_supervisor_starts_it_again_after_each_fault() {
    let faults =
        [Do::Panic("out of wood".into()), Do::Fail, Do::Abort, Do::Segfault, Do::Overflow, Do::Exit(0), Do::Garble];
    let outcome = system().run(move |mut ctx: Context<()>| async move {
        let spec = ChildSpec::new("workshop", isolate::<Workshop>(false).name("workshop"));
        let intensity = Supervisor::one_for_one().intensity(u32::try_from(faults.len()).unwrap());
        intensity.child(spec).start_link(&mut ctx).await?;
        let mut last = None;
        for fault in faults {
            let pid = ctx.system().when_registered("workshop").await;
            assert_ne!(Some(pid), last, "it is another one");
            let workshop: Address<Do> = ctx.system().lookup("workshop")?;
            assert_eq!(workshop.call(Do::Seen).await?, 1);
            workshop.cast(fault);
            workshop.exited().await;
            last = Some(pid);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

pub(crate) fn a_message_that_failed_is_not_handed_over_again() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let spec = ChildSpec::new("workshop", isolate::<Workshop>(false).name("workshop"));
        Supervisor::one_for_one().child(spec).start_link(&mut ctx).await?;
        let workshop: Address<Do> = ctx.system().named("workshop");
        let asked = workshop.send_request(Do::Keep);
        workshop.cast(Do::Abort);
        let failed = asked.await;
        assert!(matches!(failed, Err(CallError::Down { .. })), "{failed:?}");
        ctx.system().when_registered("workshop").await;
        assert_eq!(workshop.call(Do::Seen).await?, 1, "it has seen nothing else");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

pub(crate) fn its_end_is_told_once_and_then_its_os_process_is_gone() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        for word in [Do::Abort, Do::Exit(3), Do::Panic("out of wood".into()), Do::Stop] {
            let (workshop, monitor) = isolate::<Workshop>(false).monitor(&mut ctx).await?;
            let number = workshop.call(Do::OsPid).await?;
            let os_process = OsProcess::of(number);
            workshop.cast(word);
            let Event::Down(down) = ctx.receive().await else { panic!("it is no down") };
            assert_eq!(down.monitor, monitor);
            assert!(os_process.has_ended());
            assert!(!std::path::Path::new(&format!("/proc/{number}/stat")).exists(), "it is reaped");
        }
        assert_eq!(ctx.try_receive_matching(|_| true), None, "nothing is told twice");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

pub(crate) fn messages_that_it_has_not_received_are_dead_letters() {
    for word in [Do::Stop, Do::Panic("out of wood".into())] {
        let system = system();
        let letters = system.dead_letters();
        let workshop = workshop(&system);
        assert_eq!(block_on(workshop.call(Do::Seen)), Ok(1));
        workshop.cast(word);
        (0..3_000).for_each(|number| workshop.cast(Do::Add(number)));
        block_on(workshop.exited());
        let mut lost = 0;
        while let Ok(letter) = letters.try_recv() {
            assert_eq!(letter.target, Recipient::from(&workshop));
            assert!(letter.message_type.ends_with("workshop::Do"), "{}", letter.message_type);
            assert!(matches!(letter.reason, DeadReason::DroppedAtExit | DeadReason::Exited), "{:?}", letter.reason);
            lost += 1;
        }
        assert_eq!(lost, 3_000);
    }
}

pub(crate) fn a_server_that_breaks_the_protocol_is_killed() {
    let reason = fate(Do::Garble);
    assert!(matches!(fault(&reason), IsolateError::Protocol { .. }), "{reason}");
}

pub(crate) fn a_troupe_may_have_isolated_workers_and_loses_none_for_good() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let troupe = Troupe::new(|seat| isolate::<Workshop>(false).feed(seat)).workers(2..=2);
        let troupe = troupe.start_link(&mut ctx).await?;
        for _ in 0..3 {
            let died = troupe.call(Do::AbortFor).await.unwrap_err();
            let JobFault::WorkerDied { reason, .. } = died.fault else { panic!("it is {died:?}") };
            assert_eq!(signal_of(&reason), Signal::ABORT.as_raw());
        }
        // One at a time for each: so both are there when two are busy.
        let first = troupe.call(|reply| Do::Echo(vec![1], reply));
        let second = troupe.call(|reply| Do::Echo(vec![2], reply));
        let both = futures_lite::future::zip(first, second).await;
        assert_eq!(both, (Ok(vec![1]), Ok(vec![2])));
        for _ in 0..100 {
            assert_ne!(troupe.call(Do::OsPid).await?, std::process::id());
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
