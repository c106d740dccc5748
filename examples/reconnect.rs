//! A connection that comes back by itself, as a state machine: who asks while it is down waits until it is up again.
//!
//! Run it with `cargo run --example reconnect`. A shop on a free port opens late, and hangs up after every second question:
//!
//! ```text
//! no connection, next try in 20ms
//! no connection, next try in 40ms
//! no connection, next try in 80ms
//! the shop opens
//! connected
//! answer: echo one
//! answer: echo two
//! connection lost
//! connected
//! answer: echo three
//! ```

#[cfg(test)]
mod told;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use proscenium::gen_statem::{
    Entry, Event, GenStatem, Initial, Transition, entered, keep_state, next_state, repeat_state, start_in,
};
use proscenium::prelude::{Context, ExitReason, Reply, System};
use smol::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use smol::net::{TcpListener, TcpStream};

/// Waits so long after the first failure, twice as long after each further one, but never longer than [`LONGEST`].
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(320);
/// So long may an attempt take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(PartialEq)]
enum Link {
    Down,
    Up,
}

enum Ask {
    Echo(String, Reply<String>),
}

/// The data of the machine; the state is a [`Link`].
struct Connection {
    to: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    failures: u32,
    news: Sender<String>,
}

impl GenStatem for Connection {
    type Args = (SocketAddr, Sender<String>);
    type State = Link;
    type Event = Event<Ask>;

    // It connects later: whoever starts it need not wait until the other side is there.
    async fn init((to, news): Self::Args, _ctx: &mut Context<Ask>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in(Link::Down, Connection { to, stream: None, failures: 0, news }))
    }

    async fn enter(&mut self, _old: &Link, link: &Link, _ctx: &mut Context<Ask>) -> Result<Entry<Self>, ExitReason> {
        Ok(match link {
            Link::Down => entered().state_timeout(self.pause(), ()),
            Link::Up => entered(),
        })
    }

    async fn handle_event(
        &mut self,
        link: &Link,
        event: Event<Ask>,
        ctx: &mut Context<Ask>,
    ) -> Result<Transition<Self>, ExitReason> {
        Ok(match (link, event) {
            (Link::Down, event @ Event::Message(_)) => keep_state().postpone(event),
            (Link::Down, Event::StateTimeout(())) => match ctx.sleep(PATIENCE).limit(TcpStream::connect(self.to)).await
            {
                Some(Ok(stream)) => {
                    self.failures = 0;
                    self.stream = Some(BufReader::new(stream));
                    self.tell("connected");
                    next_state(Link::Up)
                }
                Some(Err(_)) | None => {
                    self.failures += 1;
                    self.tell(&format!("no connection, next try in {:?}", self.pause()));
                    repeat_state()
                }
            },
            (Link::Up, Event::Message(Ask::Echo(line, reply))) => match self.exchange(&line).await {
                Ok(answer) => keep_state().reply(reply, answer),
                // Nobody has answered it: it is asked again by the next connection.
                Err(_) => {
                    self.stream = None;
                    self.tell("connection lost");
                    next_state(Link::Down).postpone(Event::Message(Ask::Echo(line, reply)))
                }
            },
            (_, Event::Exit(_) | Event::Down(_) | Event::StateTimeout(()) | Event::EventTimeout(())) => keep_state(),
        })
    }
}

impl Connection {
    /// How long to wait before the next attempt.
    fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => (FIRST * 2_u32.saturating_pow(failures - 1).min(1000)).min(LONGEST),
        }
    }

    async fn exchange(&mut self, line: &str) -> io::Result<String> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        stream.get_mut().write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        match stream.read_line(&mut answer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer.trim_end().to_owned()),
        }
    }

    fn tell(&self, news: &str) {
        // If nobody reads it, it is nobody's news.
        let _ = self.news.try_send(news.to_owned());
    }
}

/// Echoes two lines of each who comes, and hangs up.
async fn shop(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let mut lines = BufReader::new(stream);
        for _ in 0..2 {
            let mut line = String::new();
            lines.read_line(&mut line).await?;
            lines.get_mut().write_all(format!("echo {line}").as_bytes()).await?;
        }
    }
}

/// Plays it all, and calls `say` with what happens.
fn play(say: impl Fn(&str) + Send + Sync + 'static) -> Result<(), ExitReason> {
    System::new("reconnect").run(|mut ctx: Context<()>| async move {
        let (sender, news) = async_channel::unbounded();
        // A port that is free, and closed again.
        let to = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
        let connection = Connection::start((to, sender)).link(&mut ctx).await?;
        let first = connection.send_request(|reply| Ask::Echo("one".to_owned(), reply));
        for _ in 0..3 {
            say(&news.recv().await?);
        }

        let listener = TcpListener::bind(to).await?;
        ctx.spawn_link(|_ctx: Context<()>| async move { Ok::<_, ExitReason>(shop(listener).await?) });
        say("the shop opens");
        let answer = first.await?;
        say_all(&news, &say);
        say(&format!("answer: {answer}"));
        for line in ["two", "three"] {
            let answer = connection.call(|reply| Ask::Echo(line.to_owned(), reply)).await?;
            say_all(&news, &say);
            say(&format!("answer: {answer}"));
        }
        Ok(())
    })
}

fn say_all(news: &Receiver<String>, say: &impl Fn(&str)) {
    while let Ok(news) = news.try_recv() {
        say(&news);
    }
}

fn main() -> Result<(), ExitReason> {
    play(|line| println!("{line}"))
}

#[test]
fn who_asks_while_the_connection_is_down_is_answered_when_it_is_up_again() {
    let (sender, lines) = async_channel::unbounded();
    play(move |line| sender.try_send(line.to_owned()).expect("it is read below"))
        .expect("nothing fails that is not meant to");
    let played: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
    let told = told::told(include_str!("reconnect.rs"));
    // On a slow machine the shop may open even later.
    let late = |line: &&String| line.starts_with("no connection") && !told.contains(&line.as_str());
    assert_eq!(played.iter().filter(|line| !late(line)).collect::<Vec<_>>(), told);
}
