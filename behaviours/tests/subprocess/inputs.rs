//! What a command reads.

use std::time::Duration;

use futures_lite::stream;
use proscenium_behaviours::subprocess::{Command, CommandResult, Input, InputError, Output, Prefix, Subprocess};
use proscenium_runtime::{Context, ExitReason};

use crate::common::{play, printed, run};

#[test]
fn a_command_that_is_given_nothing_reads_the_end() {
    assert_eq!(printed(Command::new("cat")), "");
    assert_eq!(printed(Command::new("cat").stdin(Input::messages())), "", "nobody writes to one that just runs");
}

#[test]
fn bytes_arrive_whole_and_then_the_end() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let result = run(Command::new("cat").stdin(Input::bytes(&bytes)).stdout(Output::raw().keep(4_000_000)));
    assert_eq!(result.stdout.whole().unwrap(), bytes);
}

#[test]
fn not_to_read_its_input_is_the_commands_business() {
    let result = run(Command::shell("exec <&-; echo done").stdin(Input::bytes(vec![0; 1_000_000])));
    assert_eq!(result.success().unwrap().stdout.to_string(), "done\n");
}

#[test]
fn a_stream_is_made_anew_for_each_start() {
    let words = || stream::iter(["one", "two", "three"].map(|word| word.as_bytes().to_vec()));
    let command = Command::new("cat").stdin(Input::stream(words).lines());
    for _ in 0..2 {
        assert_eq!(printed(command.clone()), "one\ntwo\nthree\n");
    }
    let endless = Command::new("true").stdin(Input::stream(stream::pending));
    assert_eq!(printed(endless), "", "a stream that never ends does not keep a command from ending");
}

#[test]
fn what_is_written_arrives_in_order_framed_as_agreed() {
    for (input, expected) in [
        (Input::messages(), "abc"),
        (Input::messages().lines(), "a\nbc\n"),
        (Input::messages().nul_terminated(), "a\0bc\0"),
        (Input::messages().length_prefixed(Prefix::One), "\u{1}a\u{2}bc"),
        (Input::messages().length_prefixed(Prefix::Two), "\0\u{1}a\0\u{2}bc"),
        (Input::messages().length_prefixed(Prefix::Four), "\0\0\0\u{1}a\0\0\0\u{2}bc"),
    ] {
        play(move |mut ctx: Context<CommandResult>| async move {
            let cat = Command::new("cat").stdin(input).report_on_end(&ctx.address(), |result| result);
            let cat = Subprocess::start(cat).link(&mut ctx).await?;
            cat.write("a").await??;
            cat.write("bc").await??;
            cat.close_input();
            assert_eq!(ctx.receive_message().await.stdout.to_string(), expected);
            Ok::<_, ExitReason>(())
        });
    }
}

#[test]
fn who_writes_at_once_to_a_command_that_reads_something_else_hears_of_it() {
    play(|mut ctx: Context<()>| async move {
        for input in [Input::nothing(), Input::bytes("words")] {
            let other = Subprocess::start(Command::shell("exec sleep 1000").stdin(input)).link(&mut ctx).await?;
            assert_eq!(other.write("more").await?, Err(InputError::Closed));
        }
        Ok::<_, ExitReason>(())
    });
}

#[test]
fn who_writes_waits_for_room_and_hears_that_nobody_reads() {
    play(|mut ctx: Context<()>| async move {
        let idle = Command::shell("trap 'exit 0' HUP; while :; do sleep 1000 & wait; done").stdin(Input::messages());
        let idle = Subprocess::start(idle).link(&mut ctx).await?;
        let much = vec![0; 1_000_000];
        let moment = Duration::from_millis(20);
        assert_eq!(ctx.sleep(moment).limit(idle.write(&much)).await, None, "the pipe is full");
        idle.close_input();
        assert_eq!(idle.write("more").await?, Err(InputError::Closed));

        let deaf = Command::shell("exec <&-; echo deaf; exec sleep 1000").stdin(Input::messages());
        let (told, is_deaf) = async_channel::bounded(1);
        let listener = ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.receive_message().await;
            told.send(()).await.unwrap();
        });
        let deaf = deaf.stdout(Output::lines().to(&listener, |_| ()));
        let deaf = Subprocess::start(deaf).link(&mut ctx).await?;
        is_deaf.recv().await?;
        assert_eq!(deaf.write("words").await?, Err(InputError::Closed));
        let long = Command::new("cat").stdin(Input::messages().length_prefixed(Prefix::One));
        let long = Subprocess::start(long).link(&mut ctx).await?;
        assert!(matches!(long.write(vec![0; 256]).await?, Err(InputError::Frame(_))));
        long.write(vec![0; 255]).await??;
        Ok::<_, ExitReason>(())
    });
}
