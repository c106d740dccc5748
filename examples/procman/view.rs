//! The board as a table.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use proscenium::prelude::*;

use super::board::{Board, Row, State};

/// The rows as text, with one line for each.
pub(super) fn table(rows: &[Row], now: Instant) -> String {
    let mut text = format!("{:<14} {:<9} {:>8} {:>9} {:>6}\n", "service", "state", "os pid", "since", "starts");
    for row in rows {
        let since = now.saturating_duration_since(row.since).as_secs();
        let since = format!("{}:{:02}:{:02}", since / 3600, since / 60 % 60, since % 60);
        let (state, os_pid, says) = match &row.state {
            State::Starting => ("starting", String::new(), &row.wrote),
            State::Well { os_pid } => ("well", os_pid.to_string(), &row.wrote),
            State::Unwell { complaint } => ("unwell", String::new(), complaint),
            State::Ended { reason } => ("ended", String::new(), reason),
        };
        let says: String = says.chars().take(70).collect();
        text += format!("{:<14} {state:<9} {os_pid:>8} {since:>9} {:>6}  {says}", row.name, row.starts).trim_end();
        text.push('\n');
    }
    text
}

/// Draws the board whenever something on it changes, and once a second.
pub(super) async fn draw(ctx: Context<()>) -> Result<(), ExitReason> {
    let board: Address<Board> = ctx.system().named("board");
    let (follower, changes) = async_channel::unbounded();
    board.cast(Board::Follow(follower));
    loop {
        let rows = board.call(Board::Rows).await?;
        show(&table(&rows, ctx.system().now()))?;
        ctx.sleep(Duration::from_secs(1)).limit(changes.recv()).await;
    }
}

/// Shows a text from the top left corner on, over what was there, and nothing below.
fn show(text: &str) -> io::Result<()> {
    let mut screen = io::stdout().lock();
    write!(screen, "\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\r\n"))?;
    screen.flush()
}
