//! What is told of it here.

use futures_lite::future::block_on;
use proscenium::isolate::isolate;
use proscenium::prelude::*;
use proscenium::{DeadReason, Recipient, Report, Sys, System};
use slog::Level;

use crate::common::{Lines, system, workshop};
use crate::workshop::{Do, Workshop};

fn logging(lines: &Lines, level: Level) -> System {
    System::builder("test").workers(2).logger(lines.logger(level)).build().expect("there is a thread")
}

pub(crate) fn its_log_records_come_out_here_with_pid_level_and_keys() {
    let lines = Lines::default();
    let system = logging(&lines, Level::Info);
    let start = isolate::<Workshop>(false).name("workshop").label("sawmill");
    let workshop = block_on(start.spawn(&system)).unwrap();
    workshop.cast(Do::Log);
    let os_pid = block_on(workshop.call(Do::OsPid)).unwrap();
    let line = lines.with("sawing");
    assert!(line.starts_with("INFO sawing"), "{line}");
    let pid = workshop.pid().unwrap();
    for value in ["boards=3", "wood=oak", "name=workshop", "label=sawmill"].map(str::to_owned) {
        assert!(line.contains(&value), "no {value} in {line}");
    }
    assert!(line.contains(&format!(" pid={pid}")) && line.contains(&format!("os_pid={os_pid}")), "{line}");
    // What nobody logs here does not cross.
    let quiet = Lines::default();
    let system = logging(&quiet, Level::Warning);
    let workshop = self::workshop(&system);
    workshop.cast(Do::Log);
    block_on(workshop.call(Do::Seen)).unwrap();
    assert_eq!(quiet.all(), [""; 0]);
}

pub(crate) fn the_last_record_before_a_crash_is_not_lost() {
    for _ in 0..50 {
        let lines = Lines::default();
        let system = logging(&lines, Level::Info);
        let workshop = workshop(&system);
        workshop.cast(Do::LogAndAbort);
        block_on(workshop.exited());
        lines.with("INFO the last");
    }
}

pub(crate) fn a_failure_is_reported_here_with_its_state() {
    let lines = Lines::default();
    let system = logging(&lines, Level::Error);
    let reports = system.reports();
    let start = isolate::<Workshop>(false).name("workshop");
    let workshop = block_on(start.spawn(&system)).unwrap();
    workshop.cast(Do::Fail);
    let reason = block_on(workshop.exited());
    let Ok(Report::Terminate(terminate)) = reports.try_recv() else { panic!("the first is no terminate report") };
    assert_eq!((Some(terminate.pid), &terminate.reason), (workshop.pid(), &reason));
    assert_eq!((terminate.behaviour, &*terminate.state), ("gen_server", "1 seen"));
    assert!(terminate.type_name.ends_with("workshop::Workshop"));
    let Ok(Report::Crash(crash)) = reports.try_recv() else { panic!("the second is no crash report") };
    assert_eq!((Some(crash.pid), crash.name.as_deref(), &crash.reason), (workshop.pid(), Some("workshop"), &reason));
    assert!(reports.try_recv().is_err(), "that is all");
    let mut errors = lines.all();
    errors.retain(|line| line.contains("blunt"));
    assert_eq!(errors.len(), 2, "each is logged once: {errors:#?}");
}

pub(crate) fn its_dead_letters_are_dead_letters_here() {
    let system = system();
    let letters = system.dead_letters();
    let workshop = workshop(&system);
    block_on(workshop.call(Do::SendToTheDead)).unwrap();
    let letter = block_on(letters.recv()).unwrap();
    assert!(matches!(&letter.target, Recipient::Elsewhere(whom) if whom.contains("of OS process")), "{letter:?}");
    assert!(letter.message_type.ends_with("workshop::Note"));
    assert_eq!(letter.reason, DeadReason::Exited);
    // One to a process here that has ended is its dead letter.
    let dead = system.spawn(|_ctx: Context<_>| async {});
    block_on(dead.exited());
    workshop.cast(Do::Tell(dead.clone(), vec![1]));
    let letter = block_on(letters.recv()).unwrap();
    assert_eq!(letter.target, Recipient::from(&dead));
}

pub(crate) fn sys_finds_the_proxy() {
    let system = system();
    let workshop = workshop(&system);
    let os_pid = block_on(workshop.call(Do::OsPid)).unwrap();
    let sys = Sys::new(&system, &workshop);
    let status = block_on(sys.get_status()).unwrap();
    assert_eq!(status.behaviour, "isolate");
    assert!(status.state.ends_with(&format!("workshop::Workshop in OS process {os_pid}")), "{}", status.state);
    block_on(sys.suspend()).unwrap();
    workshop.cast(Do::Add(1));
    let info = system.process_info(workshop.pid().unwrap()).unwrap();
    assert_eq!(info.queue_len, 1, "it takes nothing while it is suspended");
    block_on(sys.resume()).unwrap();
    assert_eq!(block_on(workshop.call(Do::Seen)), Ok(3));
    block_on(sys.stop(ExitReason::Normal)).unwrap();
}
