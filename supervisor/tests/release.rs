//! Whole programs, with real signals and a service manager that is none.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::env;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Child, ChildStderr, ChildStdout, Command, ExitCode, Stdio};

use std::time::Duration;

use proscenium_runtime::{Context, ExitReason};
use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec, Environment, Release};
use proscenium_supervisor::{ChildSpec, Shutdown, Supervisor, process};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;

/// Names the program that a process of this file is to be, instead of one that tests.
const PROGRAM: &str = "PROSCENIUM_TEST_PROGRAM";

/// Tells on standard output what happens to it.
#[derive(Clone)]
struct Teller;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    word: String,
    /// What else it is to do.
    fault: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { word: "none".into(), fault: String::new() }
    }
}

impl Application for Teller {
    type Env = Settings;
    type Top = Supervisor;

    async fn start(&mut self, app: &AppContext<Settings>) -> Result<Supervisor, ExitReason> {
        say(app, &format!("starts with {}", app.env().word));
        if app.env().fault == "start" {
            return Err(ExitReason::error("no luck"));
        }
        match &*app.env().fault {
            "slow start" => app.system().sleep(Duration::from_secs(3600)).await,
            "slow on a line" => app.system().blocking(read_line).await?,
            _ => {}
        }
        let fault = app.env().fault.clone();
        let worker = process(move |mut ctx: Context<()>| {
            let fault = fault.clone();
            async move {
                ctx.trap_exit(true);
                match &*fault {
                    "crash" => panic!("as wanted"),
                    "block" => block(),
                    "crash on a line" => {
                        ctx.system().clone().blocking(read_line).await.unwrap();
                        panic!("as wanted");
                    }
                    _ => {}
                }
                loop {
                    ctx.receive().await;
                    if fault != "deaf" {
                        return;
                    }
                }
            }
        });
        let spec = ChildSpec::new("worker", worker).shutdown(Shutdown::Infinity);
        Ok(Supervisor::one_for_one().child(spec))
    }

    async fn prep_stop(&mut self, app: &AppContext<Settings>) {
        say(app, "is about to stop");
    }

    async fn stop(&mut self, app: &AppContext<Settings>) {
        say(app, "has stopped");
    }

    async fn reload(&mut self, before: &Settings, app: &AppContext<Settings>) {
        say(app, &format!("has {} instead of {}", app.env().word, before.word));
    }
}

fn say(app: &AppContext<Settings>, what: &str) {
    println!("{} {what}", app.name());
}

/// Keeps a worker thread until a line comes on standard input.
fn block() {
    println!("blocks");
    read_line();
    println!("goes on");
}

fn read_line() {
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// Long, unless a test wants it short.
fn shutdown_timeout() -> Duration {
    if env::var_os("PROSCENIUM_TEST_HURRY").is_some() { Duration::from_millis(50) } else { Duration::from_secs(600) }
}

#[test]
#[ignore = "the program that the tests of this file run"]
fn program() {
    let settings = env::var(PROGRAM).unwrap();
    let mut environment = Environment::new();
    for setting in settings.lines() {
        environment = match setting.strip_prefix("file ") {
            Some(file) => environment.file(file),
            None => environment.set(setting).unwrap(),
        };
    }
    let release = Release::new("market")
        .permanent(ApplicationSpec::new("shop", Teller).depends_on("stock"))
        .temporary(ApplicationSpec::new("stock", Teller))
        .environment(environment)
        .system(|system| system.workers(1).shutdown_timeout(shutdown_timeout()));
    process::exit(i32::from(release.run() != ExitCode::SUCCESS));
}

/// The program, running, and what its service manager hears.
struct Program {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
    complains: Lines<BufReader<ChildStderr>>,
    manager: UnixDatagram,
    _folder: TempDir,
}

impl Program {
    fn start(settings: &str) -> Self {
        Program::start_in(settings, &[])
    }

    fn start_in(settings: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "program", "--nocapture"]).env(PROGRAM, settings);
        command.env("NOTIFY_SOCKET", &socket).env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        let complains = BufReader::new(child.stderr.take().unwrap()).lines();
        Program { child, says, complains, manager, _folder: folder }
    }

    /// Waits until it says so.
    fn says(&mut self, what: &str) {
        let found = self.says.by_ref().find(|line| line.as_ref().unwrap().ends_with(what));
        assert!(found.is_some(), "it never says {what:?}");
    }

    fn hears(&mut self, lines: &str) {
        self.child.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    /// All that it says from now on about its applications.
    fn rest(&mut self) -> Vec<String> {
        let lines = self.says.by_ref().map(Result::unwrap);
        lines.filter(|line| line.starts_with("shop ") || line.starts_with("stock ")).collect()
    }

    fn complains(&mut self, what: &str) -> String {
        let found = self.complains.by_ref().map(Result::unwrap).find(|line| line.contains(what));
        found.unwrap_or_else(|| panic!("it never complains of {what:?}"))
    }

    /// The next that the service manager hears.
    fn notifies(&self) -> String {
        let mut buffer = [0; 200];
        let length = self.manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), None);
        status.code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_starts_in_order_and_tells_that_it_is_ready() {
    let mut program = Program::start("shop.word=tea\nstock.word=coffee");
    program.says("stock starts with coffee");
    program.says("shop starts with tea");
    assert_eq!(program.notifies(), "READY=1");
}

#[test]
fn a_signal_stops_it_in_order_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start("");
        assert_eq!(program.notifies(), "READY=1");
        program.signal(signal);
        assert_eq!(program.notifies(), "STOPPING=1");
        let stopped = ["shop is about to stop", "shop has stopped", "stock is about to stop", "stock has stopped"];
        assert_eq!(program.rest()[2..], stopped);
        assert_eq!(program.exit_code(), Some(0));
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        // Its worker takes no notice of being told to stop, and may take as long as it takes.
        let mut program = Program::start("shop.fault=deaf");
        assert_eq!(program.notifies(), "READY=1");
        program.signal(Signal::TERM);
        program.says("shop is about to stop");
        program.signal(second);
        assert_eq!(program.exit_code(), Some(code));
        assert_eq!(program.rest(), [""; 0]);
    }
}

#[test]
fn a_stop_that_takes_too_long_is_cut_short() {
    let mut program = Program::start_in("shop.fault=deaf", &[("PROSCENIUM_TEST_HURRY", "")]);
    assert_eq!(program.notifies(), "READY=1");
    program.signal(Signal::TERM);
    program.says("shop is about to stop");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn it_can_be_stopped_while_it_starts() {
    let mut program = Program::start("shop.fault=slow start");
    program.says("shop starts with none");
    program.signal(Signal::TERM);
    assert_eq!(program.notifies(), "STOPPING=1");
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code(), Some(143));
}

#[test]
fn a_hangup_reads_the_settings_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("market.ron");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(r#"(shop: (word: "tea"))"#);
    let mut program = Program::start(&format!("file {}", file.display()));
    assert_eq!(program.notifies(), "READY=1");

    write(r#"(shop: (word: "coffee"))"#);
    program.signal(Signal::HUP);
    let reloading = program.notifies();
    let at = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(at.parse::<u64>().unwrap() > 0);
    assert_eq!(program.notifies(), "READY=1");
    program.says("shop has coffee instead of tea");

    write(r#"(shop: (word: cocoa))"#);
    program.signal(Signal::HUP);
    assert!(program.notifies().starts_with("RELOADING=1"));
    assert_eq!(program.notifies(), "READY=1");
    assert!(program.complains("nothing was reloaded").contains("shop.word: expected string"));
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn a_hangup_while_it_starts_waits_until_it_has() {
    let mut program = Program::start("stock.fault=slow on a line");
    program.says("stock starts with none");
    program.signal(Signal::HUP);
    program.hears("go on\n");
    assert_eq!(program.notifies(), "READY=1");
    assert!(program.notifies().starts_with("RELOADING=1"));
    program.says("shop has none instead of none");
    assert_eq!(program.notifies(), "READY=1");
}

#[test]
fn what_it_cannot_do_without_ends_it_with_exit_code_1() {
    let mut program = Program::start("shop.fault=crash");
    program.complains(r#"market: application "shop" has ended: shutdown"#);
    assert_eq!(program.exit_code(), Some(1));
    assert!(program.rest().ends_with(&["stock is about to stop".into(), "stock has stopped".into()]));
}

#[test]
fn what_it_can_do_without_does_not_end_it() {
    let mut program = Program::start("stock.fault=crash on a line");
    assert_eq!(program.notifies(), "READY=1");
    program.hears("once\ntwice\n");
    program.says("stock has stopped");
    program.signal(Signal::TERM);
    program.says("shop has stopped");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn a_failed_start_ends_it_with_exit_code_1_and_says_why() {
    let mut program = Program::start("shop.fault=start");
    program.complains(r#"market: application "shop" did not start: no luck"#);
    assert_eq!(program.exit_code(), Some(1));
    assert_eq!(program.rest()[1..], ["shop starts with none", "stock is about to stop", "stock has stopped"]);

    let mut program = Program::start("shop.wrod=tea");
    program.complains("market: --set shop.wrod: shop: unknown field `wrod`, did you mean `word`?");
    assert_eq!(program.exit_code(), Some(1));
    assert_eq!(program.rest(), [""; 0]);
}

#[test]
fn a_stalled_scheduler_is_noticed_and_gives_no_sign_of_life() {
    let mut program = Program::start_in("shop.fault=block", &[("WATCHDOG_USEC", "50000")]);
    program.says("blocks");
    program.complains("the scheduler is stalled");
    // What has waited since before it was stuck.
    program.manager.set_nonblocking(true).unwrap();
    while program.manager.recv(&mut [0; 200]).is_ok() {}
    program.manager.set_nonblocking(false).unwrap();

    program.hears("go on\n");
    program.says("goes on");
    program.complains("the scheduler runs again");
    let told = [program.notifies(), program.notifies()];
    assert!(told.contains(&"READY=1".to_owned()) && told.contains(&"WATCHDOG=1".to_owned()), "{told:?}");
    assert_eq!(program.notifies(), "WATCHDOG=1");
    program.signal(Signal::TERM);
    while program.notifies() != "STOPPING=1" {}
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn signals_are_heard_while_the_scheduler_is_stalled() {
    let mut program = Program::start("shop.fault=block");
    program.says("blocks");
    program.signal(Signal::TERM);
    program.signal(Signal::INT);
    let code = program.exit_code();
    assert!(matches!(code, Some(143 | 130)), "{code:?}");
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let program = Program::start_in("", &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(program.notifies(), "READY=1");
    program.signal(Signal::TERM);
    assert_eq!(program.notifies(), "STOPPING=1");
}

#[cfg(target_os = "linux")]
#[test]
fn the_service_manager_may_listen_on_a_socket_without_a_file() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("proscenium-{}", process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    let mut program = Program::start_in("", &[("NOTIFY_SOCKET", &format!("@{name}"))]);
    program.manager = manager;
    assert_eq!(program.notifies(), "READY=1");
}
