//! Random machines: the same one for the same seed.

use std::fmt::Write;

use fastrand::Rng;

use super::play::{Played, play};

const STATES: [&str; 4] = ["s0", "s1", "s2", "s3"];
const TIMERS: [&str; 4] = ["state", "event", "a", "b"];

/// So many lines has a trace that is worth it.
const AT_LEAST: usize = 15;

/// A machine whose order of events does not depend on how exactly a clock goes, and what it does here.
pub(crate) fn machine(seed: u64) -> (String, Played) {
    let mut random = Rng::with_seed(seed);
    loop {
        let text = Generator { random: random.fork(), states: 0, text: String::new() }.machine(seed);
        let played = play(&text, seed);
        if played.is_clear && played.trace.lines().count() >= AT_LEAST {
            return (text, played);
        }
    }
}

struct Generator {
    random: Rng,
    states: usize,
    text: String,
}

impl Generator {
    fn machine(mut self, seed: u64) -> String {
        self.states = self.random.usize(2..=STATES.len());
        let fuel = self.random.u32(20..80);
        self.line(&format!("machine {seed} {fuel} 4000"));
        let actions = self.actions(false, false);
        self.line(&format!("init s0{actions}"));
        for state in &STATES[..self.states] {
            for kind in ["cast", "call", "internal", "state", "event", "a", "b"] {
                for content in 0..2 {
                    for _ in 0..self.pick(&[0, 1, 1, 1, 2]) {
                        let change = self.change();
                        let actions = self.actions(true, change.starts_with("stop"));
                        self.line(&format!("on {state} {kind} {content} {change}{actions}"));
                    }
                }
            }
        }
        if self.random.bool() {
            for state in &STATES[..self.states] {
                for _ in 0..self.random.usize(1..=2) {
                    let change = self.pick(&["keep", "keep", "keep", "keep", "keep", "repeat"]);
                    let actions = self.actions(false, false);
                    self.line(&format!("enter {state} {change}{actions}"));
                }
            }
        }
        let mut at = 0;
        for _ in 0..self.random.usize(6..16) {
            // Often several at the same time: they wait for one another in the mailbox.
            at += self.pick(&[0, 0, 35, 110, 270]);
            let kind = self.pick(&["cast", "cast", "call"]);
            let content = self.random.u32(0..2);
            self.line(&format!("at {at} {kind} {content}"));
        }
        self.text
    }

    fn change(&mut self) -> String {
        match self.random.u32(0..60) {
            0..20 => "keep".to_owned(),
            20..25 => "repeat".to_owned(),
            25..58 => format!("next {}", STATES[self.random.usize(0..self.states)]),
            _ => format!("stop {}", self.pick(&["normal", "boom"])),
        }
    }

    fn actions(&mut self, is_event: bool, stops: bool) -> String {
        let mut actions = String::new();
        for _ in 0..self.pick(&[0, 0, 1, 1, 2, 3, 5]) {
            let action = match self.random.u32(0..12) {
                0..2 if is_event => format!("reply {}", self.random.u32(0..100)),
                2..4 if is_event => format!("reply_saved {}", self.random.u32(0..100)),
                _ if stops => continue,
                4..6 if is_event => "postpone".to_owned(),
                6..8 if is_event => {
                    let kind = self.pick(&["cast", "internal", "internal", "state", "event", "a", "b"]);
                    format!("insert {kind} {}", self.random.u32(0..2))
                }
                _ => self.timeout(),
            };
            write!(actions, " ; {action}").expect("a text takes what is written");
        }
        actions
    }

    fn timeout(&mut self) -> String {
        let timer = self.pick(&TIMERS);
        let content = self.random.u32(0..2);
        match self.random.u32(0..10) {
            0..4 => format!("start {timer} 0 {content}"),
            4..7 => format!("start {timer} {} {content}", self.random.u32(20..600)),
            7 => format!("start_at {timer} {} {content}", self.random.u32(100..1500)),
            8 => format!("cancel {timer}"),
            _ => format!("update {timer} {content}"),
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.usize(0..of.len())]
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}
