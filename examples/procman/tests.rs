//! Services that are real programs, run as the release runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_channel::Receiver;
use proscenium::application::{ApplicationSpec, Applications, Environment};
use proscenium::prelude::*;
use proscenium::subprocess::Command;
use smol::future;

use super::board::{Board, Row, State};
use super::program::{Procman, Screen};
use super::{Request, control, settings, view};

/// A folder of this test's own, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("procman-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("services.ron")
    }

    /// Writes the file of the services.
    fn write(&self, strategy: &str, children: &[String]) {
        let children = children.concat();
        let text = format!("(name: \"services\", strategy: {strategy}, intensity: 9, children: [{children}])");
        fs::write(self.file(), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A service that is started by this line; `more` are other settings.
fn service(name: &str, run: &str, more: &str) -> String {
    format!("(id: {name:?}, start: \"service\", args: (name: {name:?}, run: {run:?}, every: \"20ms\", {more})),\n")
}

/// Runs `play` beside procman with the services of a folder, and hands it the changes of the board.
fn play<F>(folder: Folder, play: impl FnOnce(Stage) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let outcome = System::new("procman").run(|mut ctx: Context<()>| async move {
        // It is there until all has stopped.
        let folder = Arc::new(folder);
        let procman = Procman::new(folder.file(), Screen::Nothing);
        let specs = [ApplicationSpec::new("procman", procman)];
        let applications = Applications::start_link(specs, Environment::new(), &mut ctx).await?;
        applications.ensure_all_started(["procman"], Restart::Permanent).await?;
        let board: Address<Board> = ctx.system().named("board");
        let (follower, changes) = async_channel::unbounded();
        board.cast(Board::Follow(follower));
        play(Stage {
            folder: folder.clone(),
            board,
            changes,
            applications: applications.clone(),
            system: ctx.system().clone(),
        })
        .await;
        applications.stop("procman").await?;
        drop(folder);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

struct Stage {
    folder: Arc<Folder>,
    board: Address<Board>,
    changes: Receiver<Row>,
    applications: Applications,
    system: SystemHandle,
}

impl Stage {
    /// The OS pid of a service that is well.
    async fn os_pid(&self, name: &str) -> u32 {
        let rows = self.board.call(Board::Rows).await.unwrap();
        match rows.iter().find(|row| row.name == name).map(|row| &row.state) {
            Some(State::Well { os_pid }) => *os_pid,
            state => panic!("{name} is {state:?}"),
        }
    }

    /// Waits until the state of a service is as wanted.
    async fn until(&self, name: &str, is_wanted: impl Fn(&State) -> bool) -> Row {
        loop {
            let row = self.changes.recv().await.unwrap();
            if row.name == name && is_wanted(&row.state) {
                return row;
            }
        }
    }

    async fn ask(&self, question: &'static str) -> Result<String, String> {
        let file = self.folder.file();
        let answer = self.system.blocking(move || control::ask(&file, question)).await.unwrap();
        answer.map_err(|error| error.to_string())
    }

    async fn kill(&self, os_pid: u32) {
        Command::new("kill").args(["-KILL", &os_pid.to_string()]).run(&self.system).await.unwrap().success().unwrap();
    }
}

fn is_well(state: &State) -> bool {
    matches!(state, State::Well { .. })
}

const FOREVER: &str = "exec sleep 1000";

#[test]
fn a_service_starts_when_what_it_needs_is_well_and_sees_its_environment() {
    let folder = Folder::new();
    let here = format!("folder: {:?}", folder.0);
    // The first is well at the fifth look, and the second lives if it has been.
    let looks = "test $(wc -l < looks) -ge 5";
    let check = format!("{here}, prepare: \"touch looks\", check: Command({:?})", format!("echo >> looks; {looks}"));
    let second = format!("{looks} && echo $WORD && exec sleep 1000");
    let quick = service("second", &second, &format!("{here}, env: {{\"WORD\": \"hello\"}}"));
    folder.write("RestForOne", &[service("first", FOREVER, &check), quick]);
    play(folder, |stage| async move {
        loop {
            let rows = stage.board.call(Board::Rows).await.unwrap();
            assert!(rows.iter().all(|row| is_well(&row.state)), "{rows:?}");
            // What it writes comes a moment after its start.
            if rows[1].wrote == "hello" {
                break;
            }
            future::yield_now().await;
        }
    });
}

#[test]
fn a_service_that_is_killed_is_started_again_and_so_is_what_needs_it() {
    let folder = Folder::new();
    folder.write("RestForOne", &["a", "b", "c"].map(|name| service(name, FOREVER, "")));
    play(folder, |stage| async move {
        let before = [stage.os_pid("a").await, stage.os_pid("b").await, stage.os_pid("c").await];
        stage.kill(before[1]).await;
        assert_eq!(stage.until("b", is_well).await.starts, 2);
        assert_eq!(stage.until("c", is_well).await.starts, 2);
        let after = [stage.os_pid("a").await, stage.os_pid("b").await, stage.os_pid("c").await];
        assert!(before[0] == after[0] && before[1] != after[1] && before[2] != after[2]);
    });
}

#[test]
fn one_that_is_not_well_any_more_is_started_again() {
    let folder = Folder::new();
    let sick =
        format!("check: Command(\"test ! -e sick\"), prepare: \"rm -f sick\", failures: 3, folder: {:?}", folder.0);
    folder.write("OneForOne", &[service("patient", FOREVER, &sick)]);
    play(folder, |stage| async move {
        fs::write(stage.folder.0.join("sick"), "").unwrap();
        let unwell = stage.until("patient", |state| matches!(state, State::Unwell { .. })).await;
        assert_eq!(unwell.state, State::Unwell { complaint: "`test ! -e sick` exited with 1".into() });
        assert_eq!(stage.until("patient", is_well).await.starts, 2);
    });
}

#[test]
fn a_web_server_answers_and_is_told_by_its_port() {
    let folder = Folder::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = format!("exec python3 -u -m http.server --bind 127.0.0.1 {port}");
    let more = format!("check: Tcp(\"127.0.0.1:{port}\"), folder: {:?}", folder.0);
    folder.write("OneForOne", &[service("web", &run, &more)]);
    fs::write(folder.0.join("word.txt"), "served").unwrap();
    play(folder, move |stage| async move {
        for starts in 1..=3 {
            let fetch =
                format!("import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/word.txt').read())");
            let page =
                Command::new("python3").args(["-c", &fetch]).run(&stage.system).await.unwrap().success().unwrap();
            assert_eq!(page.stdout.to_string(), "b'served'\n");
            stage.kill(stage.os_pid("web").await).await;
            assert_eq!(stage.until("web", is_well).await.starts, starts + 1);
        }
    });
}

#[test]
fn a_changed_file_stops_and_starts_what_has_changed_and_nothing_else() {
    let folder = Folder::new();
    folder.write("OneForOne", &["same", "changed", "removed"].map(|name| service(name, FOREVER, "")));
    play(folder, |stage| async move {
        let same = stage.os_pid("same").await;
        let changed = service("changed", FOREVER, "env: {\"A\": \"1\"}");
        stage.folder.write("OneForOne", &[service("same", FOREVER, ""), changed, service("added", FOREVER, "")]);
        stage.applications.reload().await.unwrap();
        stage.until("added", is_well).await;
        let status = loop {
            let status = stage.ask("status").await.unwrap();
            if !status.contains("removed") {
                break status;
            }
        };
        assert_eq!(stage.os_pid("same").await, same);
        let lines: Vec<Vec<&str>> = status.lines().map(|line| line.split_whitespace().collect()).collect();
        let starts: Vec<_> = lines[1..].iter().filter(|line| !line.is_empty()).map(|line| (line[0], line[4])).collect();
        assert_eq!(starts, [("added", "1"), ("changed", "2"), ("same", "1")]);

        fs::write(stage.folder.file(), "(name: \"services\", childern: [])").unwrap();
        stage.applications.reload().await.unwrap();
        assert_eq!(stage.os_pid("same").await, same, "a file with mistakes changes nothing");
    });
}

#[test]
fn another_procman_asks_and_restarts() {
    let folder = Folder::new();
    folder.write("OneForOne", &[service("one", FOREVER, "")]);
    let file = folder.file();
    play(folder, |stage| async move {
        let before = stage.os_pid("one").await;
        assert_eq!(stage.ask("restart one").await.unwrap(), "one was restarted\n");
        assert_ne!(stage.os_pid("one").await, before);
        assert_eq!(stage.ask("restart two").await.unwrap_err(), "there is no service \"two\"");
        assert_eq!(stage.ask("dance").await.unwrap_err(), "there is no answer to \"dance\"");
    });
    assert!(control::ask(&file, "status").unwrap_err().to_string().starts_with("nobody listens at "));
}

#[test]
fn one_that_never_becomes_well_does_not_start_and_leaves_nothing() {
    let folder = Folder::new();
    let file = folder.file();
    let never = service("never", "exec sleep 1000", "check: Command(\"echo no >&2; false\"), patience: \"50ms\"");
    folder.write("OneForOne", &[never]);
    let outcome = System::new("procman").run(|mut ctx: Context<()>| async move {
        let specs = [ApplicationSpec::new("procman", Procman::new(file, Screen::Nothing))];
        let applications = Applications::start_link(specs, Environment::new(), &mut ctx).await?;
        applications.ensure_all_started(["procman"], Restart::Permanent).await?;
        Ok(())
    });
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("it is not well after 50ms: `echo no >&2; false` exited with 1: no"), "{error}");
}

#[test]
fn mistakes_in_the_file_are_told_with_their_places() {
    let folder = Folder::new();
    folder.write(
        "OneForOne",
        &[service("one", "true", "chekc: Tcp(\"x\")"), service("two", "true", "stop_signal: \"BOOM\"")],
    );
    let mistakes = settings::read(&folder.file()).unwrap_err().to_string();
    assert!(mistakes.contains("chekc") && mistakes.contains("there is no signal \"BOOM\" to send"), "{mistakes}");
    assert!(settings::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/procman.ron")).is_ok());
}

#[test]
fn a_table_has_a_line_for_each_service() {
    let since = Instant::now();
    let row = |name: &str, state, wrote: &str| Row { name: name.into(), state, since, starts: 1, wrote: wrote.into() };
    let rows = [
        row("redis", State::Well { os_pid: 4711 }, "Ready to accept connections tcp"),
        row("web", State::Ended { reason: "`web` was ended by SIGKILL".into() }, ""),
        row("worker", State::Starting, ""),
    ];
    let expected = "\
service        state       os pid     since starts
redis          well          4711   1:01:01      1  Ready to accept connections tcp
web            ended                1:01:01      1  `web` was ended by SIGKILL
worker         starting             1:01:01      1
";
    assert_eq!(view::table(&rows, since + Duration::from_secs(3661)), expected);
}

#[test]
fn the_command_line_asks_for_one_thing() {
    let parse = |line: &str| Request::parse(line.split_whitespace().map(String::from)).map(|(_, request)| request);
    assert_eq!(parse(""), Ok(Request::Run(Screen::Lines)));
    assert_eq!(parse("--file x.ron --view"), Ok(Request::Run(Screen::View)));
    assert_eq!(parse("restart web"), Ok(Request::Ask("restart web".into())));
    assert_eq!(parse("status check"), Err("one thing at a time".into()));
    assert_eq!(parse("restart"), Err("restart what?".into()));
    assert_eq!(parse("dance"), Err("there is nothing like \"dance\"".into()));
}
