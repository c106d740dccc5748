//! Watched descriptors of every kind: what can be watched, how many, and that they stay their owner's.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use common::{OnDrop, in_a_process_of_its_own, kill, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::{Context, ExitReason, Interest, Ready, WatchError};
use rustix::fs::inotify;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn run<T, F>(body: impl FnOnce(Context<Ready>) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    timetrap(|| run_on(&workers(2), body))
}

/// Both ends of a pipe that does not block.
fn pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).expect("there are descriptors");
    (reader.into(), writer.into())
}

/// A folder of the test's own, removed when the second value is dropped.
fn folder(name: &str) -> (PathBuf, impl Drop) {
    let path = std::env::temp_dir().join(format!("proscenium-{name}-{}", std::process::id()));
    fs::create_dir(&path).expect("nobody else has the name");
    let removed = path.clone();
    (path, OnDrop(move || fs::remove_dir_all(&removed).expect("it is ours")))
}

/// The names of the files of which `notifier` has news.
fn news(notifier: &OwnedFd) -> Vec<String> {
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut reader = inotify::Reader::new(notifier, &mut buffer);
    let names = std::iter::from_fn(|| match reader.next() {
        Ok(event) => Some(event.file_name().expect("it is a folder's").to_string_lossy().into_owned()),
        Err(error) => {
            assert_eq!(error, rustix::io::Errno::WOULDBLOCK);
            None
        }
    });
    names.collect()
}

#[test]
fn a_notifier_of_files_tells_when_one_was_made() {
    let (folder, _removed) = folder("inotify");
    run(move |mut ctx| async move {
        let notifier = inotify::init(inotify::CreateFlags::NONBLOCK).expect("there are descriptors");
        inotify::add_watch(&notifier, &folder, inotify::WatchFlags::CREATE).expect("the folder is there");
        let watch = ctx.watch(&notifier, Interest::Readable, |ready| ready).expect("a notifier");
        for names in [&["orders"][..], &["bills", "stock"], &["till"]] {
            for name in names {
                File::create(folder.join(name)).expect("the folder is ours");
            }
            let mut told = Vec::new();
            while told.len() < names.len() {
                assert_eq!(ctx.receive_message().await, Ready { watch, readable: true, writable: false });
                told.extend(news(&notifier));
                ctx.rearm(watch).expect("it is ours");
            }
            assert_eq!(told, names);
        }
    });
}

#[test]
fn what_never_blocks_is_refused_and_said_to_be_so() {
    let (folder, _removed) = folder("refused");
    run(move |mut ctx| async move {
        let file = folder.join("stock");
        fs::write(&file, "tea 3").expect("the folder is ours");
        for path in [file, folder, PathBuf::from("/dev/null")] {
            let descriptor = File::open(&path).expect("it is there");
            for interest in [Interest::Readable, Interest::Writable, Interest::Both] {
                let error = ctx.watch(&descriptor, interest, |ready| ready).expect_err("it is always ready");
                assert!(matches!(error, WatchError::Unsupported), "{path:?}: {error:?}");
                assert!(error.to_string().contains("regular files"), "{error}");
            }
        }
        assert_eq!(ctx.system().process_info(ctx.pid()).map(|info| info.queue_len), Some(0));
    });
}

#[test]
fn who_writes_and_who_reads_a_pipe_are_told_when_the_other_is_gone() {
    run(|mut ctx| async move {
        let (reader, mut writer) = pipe();
        while writer.write(&[0; 4096]).is_ok() {}
        let watch = ctx.watch(&writer, Interest::Writable, |ready| ready).expect("a pipe");
        drop(reader);
        assert_eq!(ctx.receive_message().await, Ready { watch, readable: false, writable: true });
        assert_eq!(writer.write(&[0]).map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));

        let (mut reader, writer) = pipe();
        let watch = ctx.watch(&reader, Interest::Readable, |ready| ready).expect("a pipe");
        drop(writer);
        assert_eq!(ctx.receive_message().await, Ready { watch, readable: true, writable: false });
        assert_eq!(reader.read(&mut [0]).expect("its end can be read"), 0);
    });
}

/// Lets this process have as many descriptors as it may, and returns how many.
fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.unwrap_or(1 << 20);
    setrlimit(Resource::Nofile, Rlimit { current: Some(maximum), maximum: limit.maximum }).expect("it is no more");
    maximum
}

#[test]
fn a_thousand_descriptors_of_one_process_tell_once_each_and_read_and_write_apart() {
    const COUNT: usize = 1000;
    let name = "a_thousand_descriptors_of_one_process_tell_once_each_and_read_and_write_apart";
    if let Some(output) = in_a_process_of_its_own(name) {
        assert!(output.status.success(), "{output:?}");
        return;
    }
    assert!(raise_limit() > 4 * COUNT as u64 + 100, "this machine allows too few descriptors for the test");
    run(|mut ctx| async move {
        let mut pipes: Vec<_> = (0..COUNT).map(|_| pipe()).collect();
        let mut reads = Vec::new();
        let mut writes = BTreeSet::new();
        for (reader, writer) in &pipes {
            reads.push(ctx.watch(reader, Interest::Readable, |ready| ready).expect("a pipe"));
            writes.insert(ctx.watch(writer, Interest::Writable, |ready| ready).expect("a pipe"));
        }
        for _ in 0..COUNT {
            let ready = ctx.receive_message().await;
            assert!(ready.writable && writes.remove(&ready.watch), "each pipe has room, and says so once");
        }
        for round in 0..3 {
            for (_, writer) in &mut pipes {
                writer.write_all(&[round]).expect("there is room");
            }
            let mut told = BTreeSet::new();
            for _ in 0..COUNT {
                let ready = ctx.receive_message().await;
                assert!(ready.readable && told.insert(ready.watch));
            }
            for (watch, (reader, _)) in reads.iter().zip(&mut pipes) {
                let mut byte = [0];
                reader.read_exact(&mut byte).expect("it is there");
                assert_eq!(byte, [round]);
                ctx.rearm(*watch).expect("it is ours");
            }
        }
        for watch in reads {
            assert!(ctx.cancel_watch(watch));
        }
        assert_eq!(ctx.system().process_info(ctx.pid()).map(|info| info.queue_len), Some(0));
    });
}

#[test]
fn a_watch_for_which_there_is_no_descriptor_left_is_refused_and_the_others_go_on() {
    let name = "a_watch_for_which_there_is_no_descriptor_left_is_refused_and_the_others_go_on";
    if let Some(output) = in_a_process_of_its_own(name) {
        assert!(output.status.success(), "{output:?}");
        return;
    }
    run(|mut ctx| async move {
        let (reader, mut writer) = pipe();
        let watch = ctx.watch(&reader, Interest::Readable, |ready| ready).expect("a pipe");
        let limit = getrlimit(Resource::Nofile);
        // The first numbers are taken for long.
        let none_left = Rlimit { current: Some(4), maximum: limit.maximum };
        setrlimit(Resource::Nofile, none_left).expect("less is allowed");
        let error = ctx.watch(&reader, Interest::Readable, |ready| ready).expect_err("there is none left");
        setrlimit(Resource::Nofile, limit).expect("it was allowed before");
        assert!(error.to_string().starts_with("the descriptor cannot be watched: Too many open files"), "{error}");
        writer.write_all(b"x").expect("there is room");
        assert_eq!(ctx.receive_message().await.watch, watch);
        let second = ctx.watch(&reader, Interest::Readable, |ready| ready).expect("there are some again");
        assert_eq!(ctx.receive_message().await.watch, second);
    });
}

#[test]
fn a_number_that_is_used_again_is_not_what_is_watched() {
    run(|mut ctx| async move {
        let (watched, mut writer) = pipe();
        let mut watched = OwnedFd::from(watched);
        let watch = ctx.watch(&watched, Interest::Readable, |ready| ready).expect("a pipe");
        let (other, mut other_writer) = pipe();
        let number = watched.as_raw_fd();
        // The owner closes its descriptor, and the next that is opened gets its number.
        rustix::io::dup2(&other, &mut watched).expect("both are open");
        assert_eq!(watched.as_raw_fd(), number);
        other_writer.write_all(b"secret").expect("there is room");
        writer.write_all(b"x").expect("there is room, and a reader: the watch");
        assert_eq!(ctx.receive_message().await.watch, watch);
        ctx.cancel_watch(watch);
        // Only now its file is closed, and nobody has touched the other.
        while writer.write(b"x").map_err(|error| error.kind()) != Err(io::ErrorKind::BrokenPipe) {
            future::yield_now().await;
        }
        let mut text = [0; 6];
        File::from(watched).read_exact(&mut text).expect("it is there");
        assert_eq!(&text, b"secret");
    });
}

#[test]
fn a_descriptor_outlives_the_process_that_watched_it() {
    timetrap(|| {
        let system = workers(2);
        let (reader, mut writer) = pipe();
        let shared = Arc::new(reader);
        for end in [ExitReason::Normal, ExitReason::error("flat"), ExitReason::Kill] {
            let (watched, reason) = (shared.clone(), end.clone());
            let watcher = system.spawn(move |mut ctx: Context<Ready>| async move {
                ctx.watch(&watched, Interest::Readable, |ready| ready).expect("a pipe");
                ctx.receive_message().await;
                if reason == ExitReason::Kill {
                    future::pending::<()>().await;
                }
                Err::<(), _>(reason)
            });
            writer.write_all(b"x").expect("there is a reader");
            if end == ExitReason::Kill {
                future::block_on(kill(&system, &watcher));
            }
            future::block_on(watcher.exited());
            (&*shared).read_exact(&mut [0]).expect("it is open, and nobody has read it");
        }
    });
}
