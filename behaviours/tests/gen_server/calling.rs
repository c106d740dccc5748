//! Calls to servers: every caller hears something.

use proscenium_behaviours::GenServer;
use proscenium_runtime::{Address, CallError, Context, ExitReason, Reply};

use super::common::{Log, Order, SECOND, boom, in_any_order, settle};

fn reason_of(error: CallError) -> ExitReason {
    match error {
        CallError::Down { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn a_caller_whose_request_stops_the_server_hears_why() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let reasons = [boom(), ExitReason::Normal, ExitReason::Shutdown];
        for stop_time in [0, 1, 3600] {
            // The default timeout of a call is 5 s: it must not be that which ends the longest wait.
            let life = log.server().stops_in(stop_time * SECOND);
            for reason in reasons.clone() {
                let server = life.start().link(&mut ctx).await.unwrap();
                let call = server.call(|reply| Order::StopAsked(reason.clone(), reply)).without_timeout();
                assert_eq!(reason_of(call.await.unwrap_err()), reason);
            }
            let server = life.start().link(&mut ctx).await.unwrap();
            let call = server.call(Order::PanicAsked).without_timeout();
            let ExitReason::Panic(panic) = reason_of(call.await.unwrap_err()) else { panic!() };
            assert_eq!(panic.message(), "as ordered");
        }
    });
}

#[test]
fn a_caller_that_waits_in_the_mailbox_hears_why_too() {
    in_any_order(|mut ctx| async move {
        let server = Log::default().server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::Panic);
        let error = server.call(|reply| Order::Echo(1, reply)).await.unwrap_err();
        assert!(matches!(reason_of(error), ExitReason::Panic(_)));
    });
}

#[test]
fn a_caller_of_a_server_that_is_killed_hears_so() {
    in_any_order(|mut ctx| async move {
        let life = Log::default().server().stops_in(3600 * SECOND);
        let server = life.start().link(&mut ctx).await.unwrap();
        let pid = server.pid().unwrap();
        server.cast(Order::Stop(ExitReason::Normal));
        ctx.spawn(move |ctx: Context<()>| async move {
            ctx.sleep(SECOND).await;
            ctx.exit(pid, ExitReason::Kill);
        });
        let error = server.call(|reply| Order::Echo(1, reply)).await.unwrap_err();
        assert_eq!(reason_of(error), ExitReason::Killed);
    });
}

#[test]
fn a_caller_of_a_server_that_has_ended_hears_that_there_is_none() {
    in_any_order(|mut ctx| async move {
        let server = Log::default().server().start().link(&mut ctx).await.unwrap();
        server.cast(Order::Stop(boom()));
        server.exited().await;
        let error = server.call(|reply| Order::Echo(1, reply)).await.unwrap_err();
        assert!(error.is_no_process(), "{error}");
    });
}

#[test]
fn a_caller_whose_reply_is_dropped_hears_so_and_the_server_lives() {
    in_any_order(|mut ctx| async move {
        let server = Log::default().server().start().link(&mut ctx).await.unwrap();
        let error = server.call(Order::Forget).await.unwrap_err();
        assert!(matches!(error, CallError::Unanswered { .. }), "{error}");
        assert_eq!(server.call(|reply| Order::Echo(7, reply)).await, Ok(7));
    });
}

/// Calls its peer when told to, and answers with what came of it.
#[derive(Debug)]
struct Mutual {
    peer: Option<Address<Request>>,
    answer: u32,
}

enum Request {
    Meet(Address<Request>),
    /// Ask your peer.
    AskPeer(Reply<Result<u32, CallError>>),
    Answer(Reply<u32>),
    /// Ask your peer to ask you.
    AskPeerToAsk(Reply<Result<Result<u32, CallError>, CallError>>),
    /// Call yourself.
    AskYourself(Reply<Result<u32, CallError>>),
    /// Answer later, from another process.
    AnswerLater(Reply<u32>),
}

impl GenServer for Mutual {
    type Args = u32;
    type Message = Request;

    async fn init(answer: u32, _ctx: &mut Context<Request>) -> Result<Self, ExitReason> {
        Ok(Mutual { peer: None, answer })
    }

    async fn handle(&mut self, request: Request, ctx: &mut Context<Request>) -> Result<(), ExitReason> {
        let peer = || self.peer.as_ref().expect("they have met");
        match request {
            Request::Meet(peer) => self.peer = Some(peer),
            Request::Answer(reply) => reply.send(self.answer),
            Request::AskPeer(reply) => reply.send(peer().call(Request::Answer).timeout(SECOND).await),
            Request::AskPeerToAsk(reply) => reply.send(peer().call(Request::AskPeer).await),
            Request::AskYourself(reply) => reply.send(ctx.address().call(Request::Answer).await),
            Request::AnswerLater(reply) => {
                let answer = self.answer;
                ctx.spawn(move |ctx: Context<()>| async move {
                    ctx.sleep(SECOND).await;
                    reply.send(answer);
                });
            }
        }
        Ok(())
    }
}

async fn couple(ctx: &mut Context<()>) -> [Address<Request>; 2] {
    let a = Mutual::start(1).link(ctx).await.unwrap();
    let b = Mutual::start(2).link(ctx).await.unwrap();
    a.cast(Request::Meet(b.clone()));
    b.cast(Request::Meet(a.clone()));
    [a, b]
}

#[test]
fn a_server_can_call_another_while_it_handles_a_call() {
    in_any_order(|mut ctx| async move {
        let [a, b] = couple(&mut ctx).await;
        assert_eq!(a.call(Request::AskPeer).await, Ok(Ok(2)));
        assert_eq!(b.call(Request::AskPeer).await, Ok(Ok(1)));
    });
}

#[test]
fn servers_that_wait_for_each_other_time_out_and_go_on() {
    in_any_order(|mut ctx| async move {
        let [a, b] = couple(&mut ctx).await;
        let circle = a.call(Request::AskPeerToAsk).await;
        assert!(matches!(circle, Ok(Ok(Err(CallError::Timeout { .. })))), "{circle:?}");
        assert_eq!(a.call(Request::Answer).await, Ok(1));
        assert_eq!(b.call(Request::Answer).await, Ok(2));
    });
}

#[test]
fn a_server_that_calls_itself_gets_an_error_at_once() {
    in_any_order(|mut ctx| async move {
        let [a, _] = couple(&mut ctx).await;
        let began = ctx.system().now();
        let answer = a.call(Request::AskYourself).await;
        assert!(matches!(answer, Ok(Err(CallError::CallingSelf { .. }))), "{answer:?}");
        assert_eq!(ctx.system().now(), began);
    });
}

#[test]
fn a_reply_can_be_sent_later_by_somebody_else() {
    in_any_order(|mut ctx| async move {
        let [a, _] = couple(&mut ctx).await;
        let later = a.call(Request::AnswerLater);
        assert_eq!(later.await, Ok(1));
    });
}

#[test]
fn a_late_reply_reaches_nobody() {
    in_any_order(|mut ctx| async move {
        let [a, _] = couple(&mut ctx).await;
        let late = a.call(Request::AnswerLater).timeout(SECOND / 2).await;
        assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
        ctx.sleep(SECOND).await;
        settle(&ctx).await;
        assert_eq!(ctx.try_receive_matching(|_| true), None);
        assert_eq!(a.call(Request::Answer).await, Ok(1));
    });
}
