//! What becomes of what a command writes.

use proscenium_behaviours::subprocess::{
    Command, CommandResult, CommandStatus, Frame, FrameError, Output, Prefix, Subprocess,
};
use proscenium_runtime::{Context, Event, ExitReason, Mailbox, SpawnOptions, System};
use slog::{Drain, KV, Level, Logger, OwnedKVList, Record, o};

use crate::common::{play, run};

/// The frames that a command's output is cut into; `+` marks one that is cut.
fn frames(line: &str, output: Output) -> Vec<String> {
    let (line, (frame, frames)) = (line.to_owned(), async_channel::unbounded());
    play(move |mut ctx: Context<Frame>| async move {
        let output = output.to(&ctx.address(), |frame| frame);
        let result = Command::shell(line).stdout(output).run(ctx.system()).await?;
        assert!(result.is_success());
        while let Some(Event::Message(one)) = ctx.receive_timeout(std::time::Duration::ZERO).await {
            frame.try_send(one.text() + if one.is_cut { "+" } else { "" })?;
        }
        Ok::<_, ExitReason>(())
    });
    std::iter::from_fn(|| frames.try_recv().ok()).collect()
}

#[test]
fn frames_are_lines_or_end_with_nul_or_come_after_their_length() {
    assert_eq!(frames("printf 'one\\n\\ntwo'", Output::lines()), ["one", "", "two"]);
    assert_eq!(frames("printf 'a b\\0c\\nd\\0'", Output::nul_terminated()), ["a b", "c\nd"]);
    assert_eq!(frames("printf '\\003one\\000\\003two'", Output::length_prefixed(Prefix::One)), ["one", "", "two"]);
    assert_eq!(frames("printf '\\000\\003one'", Output::length_prefixed(Prefix::Two)), ["one"]);
    assert_eq!(frames("printf '\\000\\000\\000\\003one'", Output::length_prefixed(Prefix::Four)), ["one"]);
    assert_eq!(frames("printf 'abcdefg\\nh'", Output::lines().max_frame(3)), ["abc+", "def+", "g", "h"]);
}

#[test]
fn a_frame_that_is_none_stops_the_command() {
    let broken = |line: &str| {
        let output = Output::length_prefixed(Prefix::Two).max_frame(100);
        run(Command::shell(line).stdout(output)).status
    };
    let too_long = CommandStatus::BadOutput(FrameError::TooLong { length: 24_942, limit: 100 });
    assert_eq!(broken("printf '\\000\\001a'; printf 'annoyed'; exec sleep 1000"), too_long);
    assert_eq!(too_long.to_string(), "has written a frame of 24942 bytes, where at most 100 are allowed");
    let incomplete = CommandStatus::BadOutput(FrameError::Incomplete { missing: 2 });
    assert_eq!(broken("exec 2>&1; printf '\\000\\003a'; exec >&- 2>&-; exec sleep 1000"), incomplete);
    assert_eq!(broken("printf '\\000\\003a'"), incomplete, "though it exits with 0");
}

#[test]
fn a_process_gets_the_stream_that_is_kept_to_the_byte() {
    play(|mut ctx: Context<Frame>| async move {
        let output = Output::raw().keep(2_000_000).to(&ctx.address(), |frame| frame);
        let result = Command::shell("seq 1 200000").stdout(output).run(ctx.system()).await?.success()?;
        let mut bytes = Vec::new();
        while let Some(Event::Message(frame)) = ctx.receive_timeout(std::time::Duration::ZERO).await {
            assert!(!frame.bytes.is_empty() && frame.bytes.len() <= 64 * 1024);
            bytes.extend(frame.bytes);
        }
        assert_eq!(result.stdout.whole().as_deref(), Some(&*bytes));
        assert_eq!(bytes.len(), 1_288_895);
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn both_streams_are_read_at_once_and_kept_apart() {
    let result = run(Command::shell("seq 1 50000 >&2 & seq 1 50000; wait"));
    assert_eq!(result.stdout, result.stderr);
    assert_eq!(result.stdout.len(), 288_894);
}

#[test]
fn a_full_mailbox_makes_the_command_wait() {
    play(|ctx: Context<()>| async move {
        let (line, lines) = async_channel::unbounded();
        let (go, may_go) = async_channel::unbounded::<()>();
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(10));
        let slow = ctx.system().spawn_with(options, move |mut ctx: Context<Frame>| async move {
            for expected in 1..=20_000 {
                if expected % 1000 == 0 {
                    line.send((expected, ctx.queue_len())).await.unwrap();
                    may_go.recv().await.unwrap();
                }
                assert_eq!(ctx.receive_message().await.text(), expected.to_string());
            }
        })?;
        let output = Output::lines().keep(0).to(&slow, |line| line);
        let counting = Subprocess::start(Command::shell("seq 1 20000").stdout(output)).spawn(ctx.system()).await?;
        for round in 1..=20 {
            let (expected, waiting) = lines.recv().await?;
            assert_eq!(expected, round * 1000);
            assert!(waiting <= 11, "{waiting}");
            go.send(()).await?;
        }
        assert_eq!(slow.exited().await, ExitReason::Normal);
        assert_eq!(counting.address().exited().await, ExitReason::Normal);
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn frames_for_a_process_that_has_ended_are_dead_letters() {
    play(|ctx: Context<()>| async move {
        let gone = ctx.system().spawn(|_ctx: Context<Frame>| async {});
        gone.exited().await;
        let result =
            Command::shell("seq 1 30").stdout(Output::lines().to(&gone, |line| line)).run(ctx.system()).await?;
        assert!(result.is_success());
        assert_eq!(ctx.system().dead_letter_count(), 30);
        Ok::<_, ExitReason>(())
    });
}

/// Writes each record's text and keys to a channel.
struct Written(async_channel::Sender<String>);

impl Drain for Written {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), slog::Never> {
        let mut keys = Keys(Vec::new());
        values.serialize(record, &mut keys).unwrap();
        let keys = keys.0.join(" ");
        let _ = self.0.try_send(format!("{} {} {keys}", record.level(), record.msg()));
        Ok(())
    }
}

struct Keys(Vec<String>);

impl slog::Serializer for Keys {
    fn emit_arguments(&mut self, key: slog::Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
        let is_ours = ["stream", "command", "name"].contains(&key);
        self.0.extend(is_ours.then(|| format!("{key}={value}")));
        Ok(())
    }
}

#[test]
fn what_it_writes_is_logged_with_its_command_and_stream_and_no_secret() {
    let (record, records) = async_channel::unbounded();
    let system = System::builder("logging").logger(Logger::root(Written(record), o!())).build().unwrap();
    let outcome = system.run(|mut ctx: Context<CommandResult>| async move {
        let chatty = Command::shell("echo \"token is $1\"; echo careful >&2").arg("t0ken").hide("t0ken");
        let chatty = chatty.stdout(Output::lines().log(Level::Info)).stderr(Output::lines().log(Level::Warning));
        let chatty = chatty.report_on_end(&ctx.address(), |result| result);
        Subprocess::start(chatty).name("chatty").link(&mut ctx).await?;
        assert_eq!(ctx.receive_message().await.stdout.to_string(), "token is t0ken\n");
        Ok::<_, ExitReason>(())
    });
    assert_eq!(outcome, Ok(()));
    let mut said: Vec<String> = std::iter::from_fn(|| records.try_recv().ok()).collect();
    said.sort();
    let command = "command=echo \"token is $1\"; echo careful >&2 …";
    let expected = [
        format!("INFO token is … {command} stream=stdout name=chatty"),
        format!("WARN careful {command} stream=stderr name=chatty"),
    ];
    assert_eq!(said, expected);
}

#[cfg(feature = "json")]
#[test]
fn values_in_json_come_as_values() {
    play(|mut ctx: Context<Result<(String, u32), String>>| async move {
        let output = Output::lines()
            .to_json(&ctx.address(), |value| value.map_err(|error: serde_json::Error| error.to_string()));
        let line = r#"echo '["tea", 3]'; echo '["tea", -3]'"#;
        Command::shell(line).stdout(output).run(ctx.system()).await?.success()?;
        assert_eq!(ctx.receive_message().await, Ok(("tea".to_owned(), 3)));
        assert!(ctx.receive_message().await.unwrap_err().starts_with("invalid value: integer `-3`"));
        Ok::<_, ExitReason>(())
    });
}
