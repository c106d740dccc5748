//! Metrics that fan out: a server tells of what it does, and does not know who listens.
//!
//! An event manager stands between them. One of its handlers counts for a page that a scraper reads, one keeps an eye on errors, and
//! one has a bug: it fails, is removed and reported, and neither the server nor the other handlers notice.
//!
//! Run it with `cargo run --example metrics`:
//!
//! ```text
//! requests_total{path="/tea",status="200"} 16
//! requests_total{path="/tea",status="503"} 4
//! alarm: too many errors
//! removed: attempt to divide by zero
//! 2 handlers are left
//! ```

#[cfg(test)]
mod told;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use proscenium::prelude::*;
use proscenium::{EventHandler, EventManager, HandlerContext, Report};

/// What the server tells.
struct Request {
    path: &'static str,
    status: u16,
    took: Duration,
}

/// Counts requests, for whoever scrapes.
#[derive(Default)]
struct Page {
    counts: BTreeMap<(&'static str, u16), u64>,
}

impl EventHandler for Page {
    type Event = Request;
    type Request = Reply<String>;

    async fn handle_event(&mut self, request: &Request, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        *self.counts.entry((request.path, request.status)).or_default() += 1;
        Ok(())
    }

    async fn handle_call(&mut self, ask: Reply<String>, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        let mut text = String::new();
        for ((path, status), count) in &self.counts {
            writeln!(text, "requests_total{{path={path:?},status=\"{status}\"}} {count}")?;
        }
        ask.send(text);
        Ok(())
    }
}

/// Tells somebody when more than a tenth of the last ten requests failed.
struct Alarm {
    to: Address<&'static str>,
    last: Vec<bool>,
}

impl EventHandler for Alarm {
    type Event = Request;
    type Request = ();

    async fn handle_event(&mut self, request: &Request, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        self.last.push(request.status >= 500);
        if self.last.len() == 10 && self.last.drain(..).filter(|failed| *failed).count() > 1 {
            self.to.cast("too many errors");
        }
        Ok(())
    }
}

/// The mean time of all requests; it was never tried with one that took no time.
#[derive(Default)]
struct Speed {
    per_second: u128,
}

impl EventHandler for Speed {
    type Event = Request;
    type Request = ();

    async fn handle_event(&mut self, request: &Request, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        self.per_second = (self.per_second + 1000 / request.took.as_millis()) / 2;
        Ok(())
    }
}

/// The server, which knows one name.
async fn server(ctx: Context<()>) {
    let metrics = EventManager::named(ctx.system(), "metrics");
    for number in 0..20 {
        let status = if number % 5 == 4 { 503 } else { 200 };
        let took = Duration::from_millis(if number == 7 { 0 } else { 12 });
        metrics.notify(Request { path: "/tea", status, took });
    }
}

/// What there is to see, line by line.
async fn show(mut ctx: Context<&'static str>) -> Result<Vec<String>, ExitReason> {
    let reports = ctx.system().reports();
    let metrics = EventManager::start().name("metrics").link(&mut ctx).await?;
    let page = metrics.add(Page::default()).await?;
    metrics.add(Alarm { to: ctx.address(), last: Vec::new() }).await?;
    metrics.add(Speed::default()).await?;

    ctx.spawn(server).exited().await;
    let mut lines: Vec<String> = page.call(|reply| reply).await?.lines().map(String::from).collect();
    lines.push(format!("alarm: {}", ctx.receive_message().await));
    while let Ok(report) = reports.try_recv() {
        if let Report::EventHandler(report) = report {
            lines.push(format!("removed: {}", report.reason.to_string().rsplit(": ").next().unwrap_or_default()));
        }
    }
    lines.push(format!("{} handlers are left", metrics.which_handlers().await?.len()));
    Ok(lines)
}

fn main() -> Result<(), ExitReason> {
    System::new("shop").run(|ctx: Context<&'static str>| async move {
        show(ctx).await?.iter().for_each(|line| println!("{line}"));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use proscenium::testing::TestSystem;

    use super::*;

    #[test]
    fn a_handler_that_fails_is_removed_and_the_others_hear_everything() -> Result<(), ExitReason> {
        assert_eq!(TestSystem::new(1).run(show)?, told::told(include_str!("metrics.rs")));
        Ok(())
    }
}
