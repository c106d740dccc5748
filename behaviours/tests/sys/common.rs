//! A server to be looked after.

use std::fmt;
use std::time::Duration;

use proscenium_behaviours::{GenServer, Sys};
use proscenium_runtime::{Address, Context, ExitReason, Reply};

pub(crate) use crate::any_order::in_any_order;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Waits until nobody has anything to do at this moment.
pub(crate) async fn settle(ctx: &Context<()>) {
    // Time moves only then.
    ctx.sleep(Duration::from_nanos(1)).await;
}

/// Adds up, and remembers a password that nobody shall see.
#[derive(Debug, PartialEq)]
pub(crate) struct Adder {
    pub(crate) total: u32,
    pub(crate) password: &'static str,
    /// Who is told what comes in `terminate`.
    heir: Option<Address<()>>,
    last_words: Duration,
}

#[derive(Debug)]
pub(crate) enum Ask {
    Add(u32),
    Total(Reply<u32>),
    Work(Duration),
    Fail,
}

impl Adder {
    pub(crate) fn with_total(&self, total: u32) -> Adder {
        Adder { total, password: self.password, heir: self.heir.clone(), last_words: self.last_words }
    }
}

/// How an adder is: whether it traps exits, whom it tells that it cleans up, and how long that takes.
#[derive(Clone)]
pub(crate) struct Kind {
    pub(crate) traps: bool,
    pub(crate) heir: Option<Address<()>>,
    pub(crate) last_words: Duration,
}

pub(crate) const PLAIN: Kind = Kind { traps: false, heir: None, last_words: Duration::ZERO };

impl GenServer for Adder {
    type Args = Kind;
    type Message = Ask;

    async fn init(kind: Kind, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        ctx.trap_exit(kind.traps);
        Ok(Adder { total: 0, password: "swordfish", heir: kind.heir, last_words: kind.last_words })
    }

    async fn handle(&mut self, ask: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match ask {
            Ask::Add(n) => self.total += n,
            Ask::Total(reply) => reply.send(self.total),
            Ask::Work(time) => ctx.sleep(time).await,
            Ask::Fail => return Err(ExitReason::error("failed")),
        }
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<Ask>) {
        ctx.sleep(self.last_words).await;
        if let Some(heir) = &self.heir {
            heir.cast(());
        }
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "total {}, password hidden", self.total)
    }

    fn format_message(ask: &Ask, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ask {
            Ask::Total(_) => f.write_str("Total"),
            ask => write!(f, "{ask:?}"),
        }
    }
}

/// A server, linked, and who looks after it.
pub(crate) async fn adder(ctx: &mut Context<()>) -> (Address<Ask>, Sys) {
    let adder = Adder::start(PLAIN).link(ctx).await.unwrap();
    let sys = Sys::new(ctx.system(), &adder);
    (adder, sys)
}
