//! How it is stopped.

use std::time::Duration;

use futures_lite::future::block_on;
use proscenium::isolate::isolate;
use proscenium::prelude::*;

use crate::common::{Desk, OsProcess, system, trapping_workshop, workshop};
use crate::workshop::{Do, Note, Workshop};

/// Starts one under a supervisor that stops it so, tells it what `word` makes of an address, and when it has heard of it there has the
/// supervisor stop. Returns its OS process.
fn stopped(traps: bool, shutdown: Shutdown, word: impl FnOnce(Address<Note>) -> Do + Send + 'static) -> OsProcess {
    let system = system();
    let desk = Desk::new(&system);
    let (sender, receiver) = async_channel::bounded(1);
    let outcome = system.run(move |mut ctx: Context<()>| async move {
        let spec = ChildSpec::new("workshop", isolate::<Workshop>(traps).name("workshop")).shutdown(shutdown);
        Supervisor::one_for_one().child(spec).start_link(&mut ctx).await?;
        let workshop: Address<Do> = ctx.system().lookup("workshop")?;
        sender.try_send(OsProcess::of(workshop.call(Do::OsPid).await?)).unwrap();
        workshop.cast(word(desk.address.clone()));
        assert_eq!(desk.note(), Note::Number(1));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
    block_on(receiver.recv()).unwrap()
}

pub(crate) fn a_supervisor_s_shutdown_lets_it_clean_up() {
    let system = system();
    let workshop = trapping_workshop(&system);
    let desk = Desk::new(&system);
    block_on(workshop.call(|reply| Do::Remember(desk.address.clone(), reply))).unwrap();
    system.exit(&workshop, ExitReason::Shutdown);
    assert_eq!(desk.note(), Note::Text("bye: shutdown".into()));
    assert_eq!(block_on(workshop.exited()), ExitReason::Shutdown);
}

pub(crate) fn a_loop_that_never_awaits_is_killed_when_its_time_is_over() {
    for traps in [false, true] {
        let shutdown = Shutdown::Timeout(Duration::from_millis(100));
        assert!(stopped(traps, shutdown, Do::SpinAfter).has_ended());
    }
}

pub(crate) fn a_brutal_kill_ends_the_os_process() {
    assert!(stopped(true, Shutdown::BrutalKill, |desk| Do::Tell(desk, vec![1])).has_ended());
}

pub(crate) fn what_it_has_started_ends_with_it() {
    for word in [Do::Abort, Do::Stop, Do::Panic("out of wood".into()), Do::Exit(0)] {
        let system = system();
        let workshop = workshop(&system);
        let command = OsProcess::of(block_on(workshop.call(Do::StartCommand)).unwrap());
        workshop.cast(word);
        command.wait();
        block_on(workshop.exited());
    }
}

pub(crate) fn its_last_words_arrive_before_its_end() {
    for _ in 0..100 {
        let system = system();
        let workshop = trapping_workshop(&system);
        let desk = Desk::new(&system);
        block_on(workshop.call(|reply| Do::Remember(desk.address.clone(), reply))).unwrap();
        workshop.cast(Do::Stop);
        assert_eq!(block_on(workshop.exited()), ExitReason::Normal);
        assert_eq!(desk.note(), Note::Text("bye: normal".into()));
    }
}
