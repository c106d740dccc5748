//! One command, run and waited for; the scenarios of Thespian's test_runcommand among them.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use proscenium_behaviours::subprocess::{Command, CommandError, CommandStatus, Limit, Signal};
use proscenium_runtime::{Context, ExitReason};

use crate::common::{play, printed, run};
use crate::victim::Victim;

#[test]
fn a_command_says_hello() {
    let result = run(Command::new("echo").args(["hello", "world"]));
    assert!(result.is_success());
    assert_eq!((result.stdout.to_string(), result.stderr.to_string()), ("hello world\n".into(), String::new()));
    assert_eq!(result.command, "echo hello world");
}

#[test]
fn a_command_that_cannot_begin_is_told_by_name() {
    play(|ctx: Context<()>| async move {
        let refusal = async |command: Command| command.run(ctx.system()).await.unwrap_err();
        let missing = refusal(Command::new("no-such-program")).await;
        assert!(matches!(missing, CommandError::NotFound { program } if program == "no-such-program"));
        let missing = refusal(Command::new("./no-such-program").folder("/")).await;
        assert_eq!(missing.to_string(), "there is no program `./no-such-program`");
        let no_program = refusal(Command::new("passwd").folder("/etc").env("PATH", "/etc")).await;
        assert_eq!(no_program.to_string(), "/etc/passwd cannot be executed");
        let no_folder = refusal(Command::new("true").folder("/no/such/folder")).await;
        assert_eq!(no_folder.to_string(), "there is no folder /no/such/folder to run `true` in");
        let unfit = refusal(Command::new("true").env("", "x")).await;
        assert_eq!(unfit.to_string(), "`true` cannot be given a variable with the name \"\"");
        let too_long = refusal(Command::new("true").arg("x".repeat(1 << 20))).await;
        assert!(matches!(too_long, CommandError::Refused { .. }), "{too_long}");
    });
}

#[test]
fn a_file_that_is_no_program_ends_as_in_a_shell() {
    let result = run(Command::shell("f=$(mktemp) && printf '\\177ELF' >$f && chmod +x $f && exec $f"));
    assert_eq!(result.status, CommandStatus::Exited(126));
}

#[test]
fn the_code_or_the_signal_and_the_last_complaint_are_told() {
    let failed = run(Command::shell("echo one >&2; echo two >&2; exit 3"));
    assert_eq!(failed.status, CommandStatus::Exited(3));
    let failure = failed.success().unwrap_err();
    assert_eq!(failure.to_string(), "`echo one >&2; echo two >&2; exit 3` exited with 3: two");
    let killed = run(Command::shell("kill -KILL $$"));
    assert_eq!(killed.status, CommandStatus::Signaled(9));
    assert_eq!(killed.success().unwrap_err().to_string(), "`kill -KILL $$` was ended by SIGKILL");
}

#[test]
fn a_shell_line_gets_its_arguments_as_they_are_and_a_program_goes_through_no_shell() {
    let nasty = "$(echo gone); 'quoted' \"*\"";
    assert_eq!(printed(Command::shell("printf %s \"$1\"").arg(nasty)), nasty);
    assert_eq!(printed(Command::new("printf").args(["%s", nasty])), nasty);
}

#[test]
fn the_environment_is_inherited_changed_or_cleared() {
    let show = || Command::new("env").env("PATH", "/usr/bin:/bin");
    let lines = |command| printed(command).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let inherited = lines(show().env("ADDED", "1"));
    assert!(inherited.contains("ADDED=1") && inherited.iter().any(|line| line.starts_with("CARGO_MANIFEST_DIR=")));
    let removed = lines(show().env_remove("CARGO_MANIFEST_DIR"));
    assert!(!removed.iter().any(|line| line.starts_with("CARGO_MANIFEST_DIR=")));
    let cleared = lines(show().env_clear().env("PATH", "/usr/bin:/bin").env("b", "2"));
    assert_eq!(cleared, ["PATH=/usr/bin:/bin", "b=2"].map(str::to_owned).into());
}

#[test]
fn a_variable_whose_name_no_shell_would_take_arrives() {
    let command =
        Command::new("env").env_clear().env("a.b-c", "x = y").env("1", "one").env("plain", "").env("IFS", ":");
    assert_eq!(printed(command), "plain=\n1=one\nIFS=:\na.b-c=x = y\n");
}

#[test]
fn it_runs_in_its_folder() {
    assert_eq!(printed(Command::shell("pwd; pwd -P").folder("/usr")), "/usr\n/usr\n");
    assert_eq!(printed(Command::new("./env").folder("/usr/bin").env_clear().env("a", "1")), "a=1\n");
}

#[test]
fn it_runs_as_another_user_if_this_program_may() {
    let command = Command::shell("id -u; id -g; id -G").user(12_345).group(23_456);
    play(|ctx: Context<()>| async move {
        match command.run(ctx.system()).await {
            Ok(result) => assert_eq!(result.stdout.to_string(), "12345\n23456\n23456\n"),
            Err(error) => {
                assert!(matches!(error, CommandError::Refused { .. }) && !rustix::process::getuid().is_root())
            }
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn limits_hold_from_the_first_instruction() {
    let limited = Command::shell("ulimit -n; ulimit -f; ulimit -c").limit(Limit::OpenFiles, 20);
    let limited = limited.limit(Limit::FileSize, 1024).limit(Limit::Core, 0);
    assert_eq!(printed(limited), "20\n2\n0\n");
    let endless = run(Command::shell("while :; do :; done").limit(Limit::CpuTime, 1));
    assert_eq!(endless.success().unwrap_err().to_string(), "`while :; do :; done` was ended by SIGXCPU");
    let hungry = "x=0123456789; while :; do x=$x$x; done";
    assert!(!run(Command::shell(hungry).limit(Limit::Memory, 64 << 20)).is_success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_has_its_three_streams_open_and_nothing_of_ours() {
    let name = "runs::a_command_has_its_three_streams_open_and_nothing_of_ours";
    let Some(victim) = Victim::start(name, 0) else {
        let is_closed_on_exec = |number: &u32| {
            let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
            i64::from_str_radix(flags, 8).unwrap() & 0o2_000_000 != 0
        };
        assert!(!is_closed_on_exec(&5), "this program was given it");
        let _ours = fs::File::open("/dev/null").unwrap();
        let open = printed(Command::shell("ls /proc/$$/fd"));
        let open: BTreeSet<u32> = open.lines().map(|number| number.parse().unwrap()).collect();
        assert!(open.is_superset(&[0, 1, 2].into()) && open.range(3..10).next().is_none(), "{open:?}");
        // From 10 on there is what our own parent has left open to all.
        assert!(!open.range(10..).any(is_closed_on_exec), "{open:?}");
        return;
    };
    victim.pass();
}

#[test]
fn a_command_that_takes_too_long_is_stopped() {
    let timeout = Duration::from_millis(5);
    let result = run(Command::new("sleep").arg("1000").timeout(timeout));
    assert_eq!(result.status, CommandStatus::TimedOut(timeout));
    assert!(result.duration >= timeout);
    assert_eq!(result.success().unwrap_err().to_string(), "`sleep 1000` had not ended after 5ms");
}

#[test]
fn one_that_ends_in_order_when_it_is_asked_to_has_time_to_say_so() {
    let line = "trap 'echo bye; exit 7' USR1; echo ready; while :; do sleep 1000 & wait; done";
    let command = Command::shell(line).stop_signal(Signal::Usr1).timeout(Duration::from_millis(200));
    let result = run(command.grace(Duration::from_secs(60)));
    assert!(result.stdout.to_string().ends_with("bye\n"), "{result:?}");
    assert!(matches!(result.status, CommandStatus::TimedOut(_)));
}

#[test]
fn one_that_is_paused_ends_when_it_is_stopped() {
    let grace = Duration::from_secs(60);
    let result = run(Command::shell("kill -STOP $$").timeout(Duration::from_millis(5)).grace(grace));
    assert!(matches!(result.status, CommandStatus::TimedOut(_)) && result.duration < grace, "{result:?}");
}

#[test]
fn to_give_up_waiting_kills_it_and_leaves_nothing() {
    play(|mut ctx: Context<u32>| async move {
        for _ in 0..20 {
            let command = Command::shell("trap '' TERM; sleep 1000 & wait").report_on_start(&ctx.address(), |pid| pid);
            let (system, mut os_pid) = (ctx.system().clone(), 0);
            let started = async {
                os_pid = ctx.receive_message().await;
                None
            };
            let waited = async { Some(command.run(&system).await) };
            assert!(futures_lite::future::or(waited, started).await.is_none());
            crate::common::reaped(os_pid).await;
        }
    });
}

#[test]
fn its_pid_is_told_before_all_else() {
    play(|mut ctx: Context<String>| async move {
        let address = ctx.address();
        let command = Command::shell("echo $$").report_on_start(&address, |pid| pid.to_string());
        let command =
            command.stdout(proscenium_behaviours::subprocess::Output::lines().to(&address, |line| line.text()));
        command.run(ctx.system()).await?;
        assert_eq!(ctx.receive_message().await, ctx.receive_message().await);
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn what_is_hidden_is_shown_nowhere() {
    let command = Command::new("curl").args(["-u", "me:s3cret", "http://example.com"]).hide("s3cret");
    assert_eq!(command.to_string(), "curl -u me:… http://example.com");
    assert_eq!(format!("{command:?}"), r#"Command("curl -u me:… http://example.com")"#);
    let failed = run(Command::shell("echo \"no such user: $1\" >&2; exit 1").arg("s3cret").hide("s3cret"));
    assert!(failed.stderr.to_string().contains("s3cret"), "what is kept is as it was written");
    let failure = failed.success().unwrap_err().to_string();
    assert_eq!(failure, "`echo \"no such user: $1\" >&2; exit 1 …` exited with 1: no such user: …");
}
