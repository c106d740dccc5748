//! Watched descriptors: when they tell, when they do not, and what they hold open.

#![cfg(unix)]

mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use common::{Gate, OnDrop, TIMES, in_a_process_of_its_own, kill, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, Event, ExitReason, Interest, Mailbox, Ready, Report, SpawnOptions, WatchError};
use rustix::fs::{OFlags, fcntl_getfl};

/// Two ends of a socket that do not block.
fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("there are descriptors");
    ours.set_nonblocking(true).expect("a socket can do so");
    theirs.set_nonblocking(true).expect("a socket can do so");
    (ours, theirs)
}

fn fill(socket: &mut UnixStream) {
    let full = loop {
        if let Err(error) = socket.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
}

fn read_all(socket: &mut impl Read) -> usize {
    let (mut count, mut buffer) = (0, [0; 4096]);
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return count,
            Ok(read) => count += read,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return count;
            }
        }
    }
}

/// Waits until nobody holds the other end any more.
fn wait_for_end(mut theirs: &UnixStream) {
    theirs.set_nonblocking(false).expect("a socket can do so");
    assert_eq!(theirs.read(&mut [0]).expect("it can be read"), 0);
}

fn is_open(mut theirs: &UnixStream) -> bool {
    theirs.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn run<T, F>(body: impl FnOnce(Context<Ready>) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    timetrap(|| run_on(&workers(2), body))
}

/// Receives what the watch of a descriptor says that is ready by now. Whatever was to come before has come.
async fn sentinel(ctx: &mut Context<Ready>) -> Ready {
    let (ours, mut theirs) = pair();
    let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
    theirs.write_all(b"!").expect("there is room");
    let ready = ctx.receive_message().await;
    assert_eq!(ready.watch, watch, "nothing else comes before");
    ready
}

#[test]
fn a_socket_tells_when_it_can_be_read_and_when_its_peer_is_gone() {
    run(|mut ctx| async move {
        let (mut ours, mut theirs) = pair();
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        theirs.write_all(b"hello").expect("there is room");
        let expected = Ready { watch, readable: true, writable: false };
        assert_eq!(ctx.receive_message().await, expected);
        assert_eq!(read_all(&mut ours), 5);
        ctx.rearm(watch).expect("it is ours");
        drop(theirs);
        assert_eq!(ctx.receive_message().await, expected);
        assert_eq!(read_all(&mut ours), 0);
    });
}

#[test]
fn a_socket_tells_when_it_can_be_written_again() {
    run(|mut ctx| async move {
        let (mut ours, mut theirs) = pair();
        fill(&mut ours);
        let watch = ctx.watch(&ours, Interest::Writable, |ready| ready).expect("a socket");
        sentinel(&mut ctx).await;
        read_all(&mut theirs);
        let ready = ctx.receive_message().await;
        assert_eq!((ready.watch, ready.readable, ready.writable), (watch, false, true));
    });
}

#[test]
fn who_waits_for_either_learns_which() {
    run(|mut ctx| async move {
        let (mut ours, mut theirs) = pair();
        fill(&mut ours);
        let watch = ctx.watch(&ours, Interest::Both, |ready| ready).expect("a socket");
        sentinel(&mut ctx).await;
        theirs.write_all(b"hello").expect("there is room");
        let ready = ctx.receive_message().await;
        assert_eq!((ready.readable, ready.writable), (true, false));
        read_all(&mut ours);
        ctx.rearm(watch).expect("it is ours");
        read_all(&mut theirs);
        let ready = ctx.receive_message().await;
        assert_eq!((ready.readable, ready.writable), (false, true));
        // What is ready for both says so, once the operating system has told of both.
        theirs.write_all(b"hello").expect("there is room");
        loop {
            ctx.rearm(watch).expect("it is ours");
            let ready = ctx.receive_message().await;
            if ready.readable && ready.writable {
                break;
            }
        }
    });
}

#[test]
fn a_pipe_tells_at_both_of_its_ends() {
    run(|mut ctx| async move {
        let (reader, writer) = rustix::pipe::pipe().expect("there are descriptors");
        let (mut reader, mut writer) = (File::from(reader), File::from(writer));
        let read = ctx.watch(&reader, Interest::Readable, |ready| ready).expect("a pipe");
        let write = ctx.watch(&writer, Interest::Writable, |ready| ready).expect("a pipe");
        assert_eq!(ctx.receive_message().await.watch, write, "there is room");
        writer.write_all(b"x").expect("there is room");
        assert_eq!(ctx.receive_message().await.watch, read);
        reader.read_exact(&mut [0]).expect("it is there");
        // When nobody writes any more, its end can be read.
        drop(writer);
        ctx.cancel_watch(write);
        ctx.rearm(read).expect("it is ours");
        assert!(ctx.receive_message().await.readable);
        assert_eq!(reader.read(&mut [0]).expect("it can be read"), 0);
    });
}

#[test]
fn many_descriptors_in_one_process_tell_once_each() {
    const COUNT: usize = 200;
    run(|mut ctx| async move {
        let mut rng = Rng::with_seed(1);
        let mut pairs: Vec<_> = (0..COUNT).map(|_| pair()).collect();
        let watches: Vec<_> = pairs
            .iter()
            .map(|(ours, _)| ctx.watch(ours, Interest::Readable, |ready| ready).expect("a socket"))
            .collect();
        for _round in 0..3 {
            let mut order: Vec<usize> = (0..COUNT).collect();
            rng.shuffle(&mut order);
            for n in &order {
                pairs[*n].1.write_all(b"x").expect("there is room");
            }
            let mut told = BTreeSet::new();
            for _ in 0..COUNT {
                assert!(told.insert(ctx.receive_message().await.watch));
            }
            for (n, watch) in watches.iter().enumerate() {
                assert_eq!(read_all(&mut pairs[n].0), 1);
                ctx.rearm(*watch).expect("it is ours");
            }
        }
        sentinel(&mut ctx).await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_timer_descriptor_tells_when_it_has_expired() {
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    run(|mut ctx| async move {
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK);
        let timer = timer.expect("there are descriptors");
        let watch = ctx.watch(&timer, Interest::Readable, |ready| ready).expect("a timer");
        sentinel(&mut ctx).await;
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: 0, tv_nsec: 1 },
        };
        rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once).expect("it is one");
        assert_eq!(ctx.receive_message().await.watch, watch);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_tells_when_a_line_was_typed() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    run(|mut ctx| async move {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
        grantpt(&keyboard).expect("it is ours");
        unlockpt(&keyboard).expect("it is ours");
        let name = ptsname(&keyboard, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).expect("it is there");
        let watch = ctx.watch(&terminal, Interest::Readable, |ready| ready).expect("a terminal");
        sentinel(&mut ctx).await;
        File::from(keyboard.try_clone().expect("there are descriptors")).write_all(b"exit\n").expect("there is room");
        assert_eq!(ctx.receive_message().await.watch, watch);
        let mut line = [0; 5];
        File::from(terminal).read_exact(&mut line).expect("it is there");
        assert_eq!(&line, b"exit\n");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_always_ready_cannot_be_watched() {
    run(|mut ctx| async move {
        let file = File::open("/proc/self/exe").expect("this runs");
        let outcome = ctx.watch(&file, Interest::Readable, |ready| ready);
        assert!(matches!(outcome, Err(WatchError::Unsupported)), "{outcome:?}");
    });
}

#[test]
fn a_watch_that_is_armed_again_fires_again_while_data_is_there() {
    run(|mut ctx| async move {
        let (ours, mut theirs) = pair();
        theirs.write_all(b"never read").expect("there is room");
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        for _ in 0..100 {
            assert_eq!(ctx.receive_message().await.watch, watch);
            ctx.rearm(watch).expect("it is ours");
        }
    });
}

#[test]
fn a_watch_that_is_not_armed_again_says_no_more() {
    run(|mut ctx| async move {
        let (ours, mut theirs) = pair();
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        theirs.write_all(b"one").expect("there is room");
        assert_eq!(ctx.receive_message().await.watch, watch);
        for _ in 0..10 {
            theirs.write_all(b"more").expect("there is room");
            sentinel(&mut ctx).await;
        }
    });
}

#[test]
fn after_a_cancel_nothing_arrives_that_was_not_there() {
    run(|mut ctx| async move {
        for round in 0..TIMES {
            let (ours, mut theirs) = pair();
            let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
            theirs.write_all(b"x").expect("there is room");
            for _ in 0..round % 4 {
                future::yield_now().await;
            }
            assert!(ctx.cancel_watch(watch));
            assert!(!ctx.cancel_watch(watch));
            // What had come before it may be there.
            if let Some(event) = ctx.try_receive_matching(|_| true) {
                assert!(matches!(event, Event::Message(ready) if ready.watch == watch));
            }
            sentinel(&mut ctx).await;
        }
    });
}

#[test]
fn only_its_owner_arms_or_cancels_a_watch() {
    run(|mut ctx| async move {
        let (ours, mut theirs) = pair();
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        let other = ctx.spawn(move |mut ctx: Context<()>| async move {
            assert!(matches!(ctx.rearm(watch), Err(WatchError::NoWatch { watch: no }) if no == watch));
            assert!(!ctx.cancel_watch(watch));
        });
        assert_eq!(other.exited().await, ExitReason::Normal);
        theirs.write_all(b"x").expect("there is room");
        assert_eq!(ctx.receive_message().await.watch, watch);
        assert!(ctx.cancel_watch(watch));
        assert!(matches!(ctx.rearm(watch), Err(WatchError::NoWatch { .. })));
    });
}

#[test]
fn one_descriptor_may_have_several_watches() {
    run(|mut ctx| async move {
        let (ours, mut theirs) = pair();
        let mut watches: BTreeSet<_> = [Interest::Readable, Interest::Readable, Interest::Writable]
            .map(|interest| ctx.watch(&ours, interest, |ready| ready).expect("a socket"))
            .into();
        theirs.write_all(b"x").expect("there is room");
        while !watches.is_empty() {
            assert!(watches.remove(&ctx.receive_message().await.watch));
        }
    });
}

#[test]
fn a_watch_holds_the_file_open_until_it_is_cancelled() {
    run(|mut ctx| async move {
        let (ours, theirs) = pair();
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        drop(ours);
        sentinel(&mut ctx).await;
        assert!(is_open(&theirs));
        ctx.cancel_watch(watch);
        let waited = ctx.system().clone().blocking(move || wait_for_end(&theirs)).await;
        assert_eq!(waited, Ok(()));
    });
}

#[test]
fn a_watch_that_has_fired_holds_the_file_open_until_its_process_ends() {
    timetrap(|| {
        let system = workers(2);
        for end in [ExitReason::Kill, ExitReason::Shutdown, ExitReason::error("broken")] {
            let (ours, mut theirs) = pair();
            let (fired, has_fired) = async_channel::bounded(1);
            let process = system.spawn(move |mut ctx: Context<Ready>| async move {
                ctx.watch(&ours, Interest::Writable, |ready| ready).expect("a socket");
                ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
                drop(ours);
                ctx.receive_message().await;
                fired.try_send(()).expect("it is the only one");
                future::pending::<()>().await;
            });
            future::block_on(has_fired.recv()).expect("there is room to write");
            assert!(is_open(&theirs));
            system.exit(process.pid().expect("it is a process"), end);
            wait_for_end(&theirs);
            assert!(theirs.write_all(b"x").is_err());
        }
    });
}

#[test]
fn the_owner_keeps_its_descriptor_and_its_mode() {
    run(|mut ctx| async move {
        let (ours, mut theirs) = UnixStream::pair().expect("there are descriptors");
        let is_nonblocking = || {
            let flags = fcntl_getfl(ours.as_fd()).expect("it is open");
            flags.contains(OFlags::NONBLOCK)
        };
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        assert!(!is_nonblocking());
        theirs.write_all(b"x").expect("there is room");
        ctx.receive_message().await;
        assert!(!is_nonblocking());
        ctx.cancel_watch(watch);
        sentinel(&mut ctx).await;
        assert!(!is_nonblocking());
        (&ours).read_exact(&mut [0]).expect("nobody else has read it");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn processes_that_end_leave_no_descriptor_open() {
    let name = "processes_that_end_leave_no_descriptor_open";
    if let Some(output) = in_a_process_of_its_own(name) {
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let count = || std::fs::read_dir("/proc/self/fd").expect("it is Linux").count();
    timetrap(move || {
        let system = workers(2);
        // The first watch opens what all of them share.
        let (ours, theirs) = pair();
        run_on(&system, |mut ctx: Context<Ready>| async move {
            ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        });
        wait_for_end(&theirs);
        drop(theirs);
        let before = count();
        for round in 0..300 {
            let (ours, theirs) = pair();
            let (set, is_set) = async_channel::bounded(1);
            let process = system.spawn(move |mut ctx: Context<Ready>| async move {
                ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
                set.try_send(()).expect("it is the only one");
                ctx.receive_message().await;
            });
            if round % 3 > 0 {
                future::block_on(is_set.recv()).expect("it is set");
            }
            if round % 3 > 1 {
                (&theirs).write_all(b"x").expect("there is room");
            }
            future::block_on(kill(&system, &process));
            theirs.set_nonblocking(false).expect("a socket can do so");
            // Data that nobody has read makes the end an error.
            assert!(!matches!((&theirs).read(&mut [0]), Ok(1..)));
        }
        assert_eq!(count(), before);
    });
}

#[test]
fn a_context_that_outlives_its_process_holds_nothing_open() {
    timetrap(|| {
        let system = workers(2);
        let (give, given) = async_channel::bounded(1);
        let process = system.spawn(move |ctx: Context<Ready>| async move {
            give.try_send(ctx).expect("it is the only one");
        });
        future::block_on(process.exited());
        let mut ctx = given.try_recv().expect("it was given");
        let (ours, theirs) = pair();
        let watch = ctx.watch(&ours, Interest::Readable, |ready| ready).expect("a socket");
        drop(ours);
        wait_for_end(&theirs);
        assert!(matches!(ctx.rearm(watch), Err(WatchError::NoWatch { .. })));
    });
}

#[test]
fn a_panic_in_making_the_message_ends_the_process_with_a_report() {
    timetrap(|| {
        let system = workers(2);
        let reports = system.reports();
        let (mut theirs, ours) = pair();
        theirs.write_all(b"x").expect("there is room");
        let process = system.spawn(move |mut ctx: Context<Ready>| async move {
            ctx.trap_exit(true);
            ctx.watch(&ours, Interest::Readable, |_ready| panic!("out of cheese")).expect("a socket");
            ctx.receive().await;
        });
        let reason = future::block_on(process.exited());
        assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "out of cheese"));
        let Ok(Report::Crash(report)) = reports.try_recv() else { panic!("no crash was reported") };
        assert_eq!((Some(report.pid), &report.reason), (process.pid(), &reason));
        wait_for_end(&theirs_without_data(theirs));
    });
}

/// The peer has unread data of ours, so that its end is an error once; after that it is the end.
fn theirs_without_data(theirs: UnixStream) -> UnixStream {
    theirs.set_nonblocking(false).expect("a socket can do so");
    let _ = (&theirs).read(&mut [0]);
    theirs
}

#[test]
fn a_panic_in_dropping_what_makes_the_message_harms_nobody_and_prints_nothing() {
    let name = "a_panic_in_dropping_what_makes_the_message_harms_nobody_and_prints_nothing";
    if let Some(output) = in_a_process_of_its_own(name) {
        assert!(output.status.success(), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("out of cheese"), "{output:?}");
        return;
    }
    // It is dropped when the watch is cancelled, when its process ends, or with the system.
    async fn watch_with_a_bomb(mut ctx: Context<Ready>, ours: UnixStream, cancels: bool) {
        let bomb = OnDrop(|| panic!("out of cheese"));
        let make = move |ready| {
            let _ = &bomb;
            ready
        };
        let watch = ctx.watch(&ours, Interest::Readable, make).expect("a socket");
        drop(ours);
        if cancels {
            ctx.cancel_watch(watch);
        }
        sentinel(&mut ctx).await;
    }
    timetrap(|| {
        for round in 0..200 {
            let system = workers(1);
            let (ours, theirs) = pair();
            let process = system.spawn(move |ctx| watch_with_a_bomb(ctx, ours, round % 2 == 0));
            if round % 4 < 2 {
                assert_eq!(future::block_on(process.exited()), ExitReason::Normal);
            }
            if round % 4 == 0 {
                wait_for_end(&theirs);
            }
            drop(system);
            wait_for_end(&theirs);
        }
    });
}

#[test]
fn what_a_watch_says_finds_room_in_a_full_mailbox() {
    timetrap(|| {
        let system = workers(2);
        let (ours, mut theirs) = pair();
        let gate = Gate::new();
        let opened = gate.clone();
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
        let process = system.spawn_with(options, move |mut ctx: Context<Option<Ready>>| async move {
            ctx.address().cast(None);
            let watch = ctx.watch(&ours, Interest::Readable, Some).expect("a socket");
            opened.passed().await;
            assert_eq!(ctx.receive_message().await, None);
            assert_eq!(ctx.receive_message().await.map(|ready| ready.watch), Some(watch));
        });
        let process = process.expect("it has no name");
        theirs.write_all(b"x").expect("there is room");
        let pid = process.pid().expect("it is a process");
        while system.process_info(pid).is_some_and(|info| info.queue_len < 2) {
            std::thread::yield_now();
        }
        gate.open();
        assert_eq!(future::block_on(process.exited()), ExitReason::Normal);
    });
}

#[test]
fn a_simulated_system_watches_nothing() {
    TestSystem::new(1).run(|mut ctx: Context<Ready>| async move {
        let (ours, _theirs) = pair();
        let outcome = ctx.watch(&ours, Interest::Readable, |ready| ready);
        assert!(matches!(outcome, Err(WatchError::Simulated)), "{outcome:?}");
    });
}

#[test]
fn a_ball_thrown_from_watch_to_watch_is_never_dropped() {
    async fn player(mut ctx: Context<Ready>, mut socket: UnixStream, throws: usize) {
        let watch = ctx.watch(&socket, Interest::Readable, |ready| ready).expect("a socket");
        for _ in 0..throws {
            ctx.receive_message().await;
            assert_eq!(read_all(&mut socket), 1);
            // The other may throw it back before this one looks again.
            socket.write_all(b"o").expect("there is room");
            ctx.rearm(watch).expect("it is ours");
        }
    }
    timetrap(|| {
        let system = workers(4);
        let (ours, mut theirs) = pair();
        theirs.write_all(b"o").expect("there is room");
        // The last throw is caught by nobody: the ends stay open for it.
        let _open = [&ours, &theirs].map(|socket| socket.try_clone().expect("there are descriptors"));
        let first = system.spawn(move |ctx| player(ctx, ours, TIMES));
        let second = system.spawn(move |ctx| player(ctx, theirs, TIMES));
        assert_eq!(future::block_on(first.exited()), ExitReason::Normal);
        assert_eq!(future::block_on(second.exited()), ExitReason::Normal);
    });
}

#[test]
fn whatever_has_a_descriptor_can_be_watched() {
    run(|mut ctx| async move {
        let (ours, _theirs) = pair();
        let owned = OwnedFd::from(ours);
        ctx.watch(&owned, Interest::Writable, |ready| ready).expect("a socket");
        assert!(ctx.receive_message().await.writable);
        let shared = Arc::new(owned);
        ctx.watch(&shared, Interest::Writable, |ready| ready).expect("a socket");
        assert!(ctx.receive_message().await.writable);
        ctx.watch(&shared.as_fd(), Interest::Writable, |ready| ready).expect("a socket");
        assert!(ctx.receive_message().await.writable);
    });
}
