//! What crosses: messages, replies, addresses, monitors and links.

use futures_lite::future::{block_on, or};
use proscenium::isolate::isolate;
use proscenium::prelude::*;
use proscenium::{DeadReason, Recipient, TrySendError};

use crate::common::{Desk, system, workshop};
use crate::workshop::{Do, Note, Odd, Workshop};

pub(crate) fn messages_arrive_in_order() {
    let system = system();
    let workshop = workshop(&system);
    (0..20_000).for_each(|number| workshop.cast(Do::Add(number)));
    assert_eq!(block_on(workshop.call(Do::Seen).without_timeout()), Ok(20_001));
}

pub(crate) fn a_call_is_answered_and_a_late_answer_answers_no_other() {
    let system = system();
    let workshop = workshop(&system);
    assert_eq!(block_on(workshop.call(|reply| Do::Echo(b"oak".to_vec(), reply))), Ok(b"oak".to_vec()));
    let short = std::time::Duration::from_millis(50);
    let late = block_on(workshop.call(Do::Keep).timeout(short));
    assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
    let next = or(async { workshop.call(Do::Keep).await }, async {
        workshop.cast(Do::AnswerKept(7));
        std::future::pending().await
    });
    assert_eq!(block_on(next), Ok(7));
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(5));
}

pub(crate) fn a_reply_may_be_passed_on_there_and_back() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    assert_eq!(block_on(workshop.call(Do::AnswerBySomebody)), Ok(7), "a process there answers");
    let answer = or(workshop.call(|reply| Do::PassOn(desk.address.clone(), reply)), async {
        desk.ask().await.send(8);
        std::future::pending().await
    });
    assert_eq!(block_on(answer), Ok(8), "a process here answers");
    let other = block_on(isolate::<Workshop>(false).spawn(&system)).unwrap();
    let answer = or(workshop.call(|reply| Do::PassOn(desk.address.clone(), reply)), async {
        let reply = desk.ask().await;
        other.cast(Do::Keep(reply));
        other.cast(Do::AnswerKept(9));
        std::future::pending().await
    });
    assert_eq!(block_on(answer), Ok(9), "a process of a third OS process answers");
}

pub(crate) fn a_reply_that_is_dropped_tells_its_caller() {
    let system = system();
    let workshop = workshop(&system);
    let dropped = or(workshop.call(Do::Keep), async {
        workshop.cast(Do::DropKept);
        std::future::pending().await
    });
    assert_eq!(block_on(dropped), Err(CallError::Unanswered { target: Recipient::from(&workshop) }));
    let ended = or(workshop.call(Do::Keep), async {
        workshop.cast(Do::Panic("out of wood".into()));
        std::future::pending().await
    });
    let ended = block_on(ended);
    assert!(matches!(&ended, Err(CallError::Down { reason: ExitReason::Panic(_), .. })), "{ended:?}");
}

pub(crate) fn a_server_hears_that_a_caller_has_given_up() {
    let system = system();
    let workshop = workshop(&system);
    let mut given_up = Box::pin(workshop.call(Do::Keep));
    assert!(block_on(futures_lite::future::poll_once(&mut given_up)).is_none());
    assert_eq!(block_on(workshop.call(Do::AreKeptWanted)), Ok(vec![true]));
    drop(given_up);
    assert_eq!(block_on(workshop.call(Do::AreKeptWanted)), Ok(vec![false]));
    // A caller that ends has given up, too.
    let caller = workshop.clone();
    let caller = system.spawn(|_ctx: Context<()>| async move {
        let _ = caller.call(Do::Keep).without_timeout().await;
    });
    while block_on(workshop.call(Do::AreKeptWanted)).unwrap().len() < 2 {}
    system.exit(&caller, ExitReason::Kill);
    block_on(caller.exited());
    assert_eq!(block_on(workshop.call(Do::AreKeptWanted)), Ok(vec![false, false]));
}

pub(crate) fn an_address_is_used_there_for_casts_and_calls() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    workshop.cast(Do::Tell(desk.address.clone(), (0..1_000).collect()));
    (0..1_000).for_each(|number| assert_eq!(desk.note(), Note::Number(number)));
    let call = or(workshop.call(|reply| Do::Call(desk.address.clone(), reply)), async {
        desk.ask().await.send(6);
        std::future::pending().await
    });
    assert_eq!(block_on(call), Ok(Ok(6)));
    // By name: whoever has it when it is used.
    let named = system.named::<Note>("desk");
    system.register("desk", desk.address.pid().unwrap()).unwrap();
    workshop.cast(Do::Tell(named, vec![5]));
    assert_eq!(desk.note(), Note::Number(5));
}

pub(crate) fn an_address_that_comes_home_is_itself_and_two_of_one_process_are_equal() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    let other = Desk::new(&system);
    let remember = |desk: &Desk| block_on(workshop.call(|reply| Do::Remember(desk.address.clone(), reply)));
    assert_eq!([&desk, &other, &desk].map(remember), [Ok(false), Ok(false), Ok(true)]);
    assert_eq!(block_on(workshop.call(Do::GiveBack)).as_ref(), Ok(&desk.address));
    assert_eq!(block_on(workshop.call(Do::Myself)).as_ref(), Ok(&workshop), "the server's own is the one here");
    // What nobody there has any more is forgotten, and can be told of again.
    workshop.cast(Do::Forget);
    assert_eq!(remember(&desk), Ok(false));
}

pub(crate) fn a_caller_there_hears_why_its_server_here_has_ended() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    let call = || workshop.call(|reply| Do::Call(desk.address.clone(), reply));
    let unanswered = or(call(), async {
        drop(desk.ask().await);
        std::future::pending().await
    });
    assert!(block_on(unanswered).unwrap().unwrap_err().ends_with("its reply was dropped unanswered"));
    let ended = or(call(), async {
        let reply = desk.ask().await;
        desk.address.cast(Note::Text("end".into()));
        desk.address.exited().await;
        drop(reply);
        std::future::pending().await
    });
    assert!(block_on(ended).unwrap().unwrap_err().ends_with("it ended: told to"));
}

pub(crate) fn a_monitor_of_a_process_here_tells_its_reason_there() {
    let system = system();
    let (workshop, desk, witness) = (workshop(&system), Desk::new(&system), Desk::new(&system));
    workshop.cast(Do::Monitor(desk.address.clone(), witness.address.clone()));
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(2));
    desk.address.cast(Note::Text("end".into()));
    assert_eq!(witness.note(), Note::Text("told to".into()));
    workshop.cast(Do::Monitor(desk.address.clone(), witness.address.clone()));
    assert_eq!(witness.note(), Note::Text("no process".into()), "it has ended before");
}

pub(crate) fn a_link_carries_exits_both_ways() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    let linked = block_on(workshop.call(|reply| Do::Link(desk.address.clone(), reply))).unwrap();
    linked.cast(Note::Text("sawn off".into()));
    assert_eq!(block_on(desk.address.exited()), ExitReason::error("sawn off"), "the one there ends the one here");
    assert_eq!(block_on(linked.exited()), ExitReason::error("sawn off"), "and what stands for it");
    let desk = Desk::new(&system);
    block_on(workshop.call(|reply| Do::LinkItself(desk.address.clone(), reply))).unwrap();
    desk.address.cast(Note::Text("end".into()));
    assert_eq!(block_on(workshop.exited()), ExitReason::error("told to"), "the one here ends the one there");
}

pub(crate) fn a_killed_stand_in_kills_the_process_for_which_it_stands() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    workshop.cast(Do::Kill(desk.address.clone()));
    assert_eq!(block_on(desk.address.exited()), ExitReason::Killed);
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(2));
}

pub(crate) fn what_is_too_large_is_a_dead_letter_and_the_server_lives() {
    let system = system();
    let letters = system.dead_letters();
    let workshop = block_on(isolate::<Workshop>(false).frame_limit(64 << 10).spawn(&system)).unwrap();
    let large = |reply| Do::Echo(vec![0; 100 << 10], reply);
    let refused = block_on(workshop.call(large));
    assert_eq!(refused, Err(CallError::Unanswered { target: Recipient::from(&workshop) }));
    let letter = letters.try_recv().unwrap();
    assert_eq!((letter.target, letter.reason), (Recipient::from(&workshop), DeadReason::NotCarried));
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(1), "it never saw it");
    let small = |reply| Do::Echo(vec![0; 10 << 10], reply);
    assert_eq!(block_on(workshop.call(small)).map(|bytes| bytes.len()), Ok(10 << 10));
}

pub(crate) fn what_cannot_be_serialized_or_read_is_a_dead_letter() {
    let system = system();
    let letters = system.dead_letters();
    let workshop = workshop(&system);
    for odd in [Odd::Unserializable, Odd::Unreadable] {
        workshop.cast(Do::Odd(odd));
        let letter = block_on(letters.recv()).unwrap();
        assert_eq!((letter.target, letter.reason), (Recipient::from(&workshop), DeadReason::NotCarried));
        assert!(letter.message_type.ends_with("workshop::Do"), "{}", letter.message_type);
    }
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(1));
}

pub(crate) fn a_server_that_takes_nothing_fills_its_mailbox_and_no_more() {
    let system = system();
    let desk = Desk::new(&system);
    let start = isolate::<Workshop>(false).mailbox(proscenium::Mailbox::bounded(10));
    let workshop = block_on(start.spawn(&system)).unwrap();
    workshop.cast(Do::SpinAfter(desk.address.clone()));
    assert_eq!(desk.note(), Note::Number(1));
    let mut taken = 0;
    while block_on(async { workshop.send(Do::Add(0)).await.is_ok() }) && taken < 1_023 {
        taken += 1;
    }
    // That many are on their way; the others wait here, as many as the bound allows.
    for _ in 0..10 {
        block_on(workshop.send(Do::Add(0))).unwrap();
    }
    assert!(matches!(workshop.try_send(Do::Add(0)), Err(TrySendError::Full(_))));
    system.exit(&workshop, ExitReason::Kill);
    block_on(workshop.exited());
}

pub(crate) fn a_cast_to_a_busy_server_waits_for_nothing() {
    let system = system();
    let (workshop, desk) = (workshop(&system), Desk::new(&system));
    workshop.cast(Do::SpinAfter(desk.address.clone()));
    assert_eq!(desk.note(), Note::Number(1));
    // It will never look at them, and this goes on.
    (0..5_000).for_each(|number| workshop.cast(Do::Add(number)));
    system.exit(&workshop, ExitReason::Kill);
    assert_eq!(block_on(workshop.exited()), ExitReason::Killed);
}

pub(crate) fn large_messages_cross_whole() {
    let system = system();
    let workshop = workshop(&system);
    let bytes: Vec<u8> = (0..8_u32 << 20).map(|n| n.to_le_bytes()[1]).collect();
    let calls = (0..3).map(|_| block_on(workshop.call(|reply| Do::Echo(bytes.clone(), reply)).without_timeout()));
    calls.for_each(|echo| assert_eq!(echo.as_ref(), Ok(&bytes)));
}
