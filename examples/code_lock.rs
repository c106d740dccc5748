//! A door with a code lock, as a state machine: the example of OTP's manual.
//!
//! Run it with `cargo run --example code_lock`. It plays an evening at the door, in virtual time, and prints what happens:
//!
//! ```text
//!    0 s: the door is locked
//!    3 s: the door opens
//!   12 s: the code has 4 digits
//!   13 s: the door is locked
//!   43 s: nobody went on: 2 digits are forgotten
//!   51 s: the door opens
//!   61 s: the door is locked
//! ```

#[cfg(test)]
mod told;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proscenium::gen_statem::{Entry, Event, GenStatem, Initial, Transition, entered, keep_state, next_state, start_in};
use proscenium::prelude::{Context, ExitReason, Reply};
use proscenium::testing::TestSystem;

const OPEN_FOR: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// What happened, each with its time.
#[derive(Clone)]
struct Diary {
    began: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Diary {
    fn note(&self, now: Instant, what: &str) {
        let line = format!("{:>4} s: {what}", (now - self.began).as_secs());
        self.lines.lock().expect("nobody panics while writing").push(line);
    }
}

#[derive(PartialEq)]
enum Door {
    Locked,
    Open,
}

enum Panel {
    /// Somebody presses a digit.
    Press(u8),
    CodeLength(Reply<usize>),
}

/// The data of the machine; the state is a [`Door`].
struct CodeLock {
    code: Vec<u8>,
    pressed: Vec<u8>,
    diary: Diary,
}

impl GenStatem for CodeLock {
    type Args = (Vec<u8>, Diary);
    type State = Door;
    type Event = Event<Panel>;

    async fn init((code, diary): Self::Args, _ctx: &mut Context<Panel>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in(Door::Locked, CodeLock { code, pressed: Vec::new(), diary }))
    }

    async fn enter(&mut self, _old: &Door, door: &Door, ctx: &mut Context<Panel>) -> Result<Entry<Self>, ExitReason> {
        self.pressed.clear();
        let (now, diary) = (ctx.system().now(), &self.diary);
        Ok(match door {
            Door::Locked => {
                diary.note(now, "the door is locked");
                entered()
            }
            Door::Open => {
                diary.note(now, "the door opens");
                entered().state_timeout(OPEN_FOR, ())
            }
        })
    }

    async fn handle_event(
        &mut self,
        door: &Door,
        event: Event<Panel>,
        ctx: &mut Context<Panel>,
    ) -> Result<Transition<Self>, ExitReason> {
        Ok(match (door, event) {
            (Door::Locked, Event::Message(Panel::Press(digit))) => {
                self.pressed.push(digit);
                if self.pressed == self.code {
                    next_state(Door::Open)
                } else {
                    // Whatever happens next cancels this.
                    keep_state().event_timeout(PATIENCE, ())
                }
            }
            (Door::Locked, Event::EventTimeout(())) => {
                let forgotten = format!("nobody went on: {} digits are forgotten", self.pressed.len());
                self.diary.note(ctx.system().now(), &forgotten);
                self.pressed.clear();
                keep_state()
            }
            // Who is early types for the time when it is locked again.
            (Door::Open, event @ Event::Message(Panel::Press(_))) => keep_state().postpone(event),
            (Door::Open, Event::StateTimeout(())) => next_state(Door::Locked),
            (_, Event::Message(Panel::CodeLength(reply))) => keep_state().reply(reply, self.code.len()),
            (_, Event::Exit(_) | Event::Down(_) | Event::EventTimeout(()) | Event::StateTimeout(())) => keep_state(),
        })
    }
}

/// Plays the evening, and returns the diary.
fn evening() -> Vec<String> {
    let test = TestSystem::new(1);
    let diary = Diary { began: test.now(), lines: Arc::default() };
    let mine = diary.clone();
    test.run(move |mut ctx: Context<()>| async move {
        let second = Duration::from_secs(1);
        let lock = CodeLock::start((vec![1, 2, 3, 4], mine.clone())).link(&mut ctx).await?;
        for digit in [1, 2, 3, 4] {
            lock.cast(Panel::Press(digit));
            ctx.sleep(second).await;
        }
        // The door is open: these two are kept until it is locked.
        lock.cast(Panel::Press(1));
        lock.cast(Panel::Press(2));
        ctx.sleep(8 * second).await;
        let digits = lock.call(Panel::CodeLength).await?;
        mine.note(ctx.system().now(), &format!("the code has {digits} digits"));
        ctx.sleep(36 * second).await;
        for digit in [1, 2, 3, 4] {
            lock.cast(Panel::Press(digit));
            ctx.sleep(second).await;
        }
        ctx.sleep(20 * second).await;
        Ok::<_, ExitReason>(())
    })
    .expect("the lock does not fail");
    let lines = diary.lines.lock().expect("nobody panics while writing");
    lines.clone()
}

fn main() {
    for line in evening() {
        println!("{line}");
    }
}

#[test]
fn the_evening_goes_as_it_is_told_above() {
    let told = told::told(include_str!("code_lock.rs"));
    let told: String = told.iter().map(|line| line.trim_start().to_owned() + "\n").collect();
    let played: String = evening().iter().map(|line| line.trim_start().to_owned() + "\n").collect();
    assert_eq!(played, told);
}
