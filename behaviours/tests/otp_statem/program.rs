//! A machine as a text; the format is in README.md.

use std::collections::HashMap;

/// A machine and what is sent to it, from its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub(crate) fuel: u32,
    pub(crate) until: u64,
    /// The first state.
    pub(crate) start: String,
    pub(crate) init: Vec<Action>,
    /// By state, kind and content of the event.
    rules: HashMap<(String, String, u32), Vec<Rule>>,
    enter: HashMap<String, Vec<Rule>>,
    /// When, in milliseconds, what kind, and with which content.
    pub(crate) commands: Vec<(u64, String, u32)>,
}

/// What a callback returns.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) change: Change,
    pub(crate) actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Keep,
    Repeat,
    Next(String),
    Stop(String),
}

/// Timers are called as they are in the text: `state`, `event`, or by their name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Postpone,
    Insert(String, u32),
    Reply(u32),
    ReplySaved(u32),
    Start(String, u64, u32),
    StartAt(String, u64, u32),
    Cancel(String),
    Update(String, u32),
}

impl Program {
    /// # Panics
    /// If it is no machine.
    pub(crate) fn parse(text: &str) -> Self {
        let mut program = Program::default();
        for line in text.lines() {
            let mut clauses = line.split(" ; ").map(|clause| clause.split(' ').collect::<Vec<_>>());
            match *clauses.next().expect("a split has a first part") {
                ["machine", _name, fuel, until] => (program.fuel, program.until) = (number(fuel), number(until)),
                ["init", state] => {
                    program.start = state.to_owned();
                    program.init = clauses.map(|words| action(&words)).collect();
                }
                ["on", state, kind, content, ref change @ ..] => {
                    let key = (state.to_owned(), kind.to_owned(), number(content));
                    program.rules.entry(key).or_default().push(rule(change, clauses));
                }
                ["enter", state, ref change @ ..] => {
                    program.enter.entry(state.to_owned()).or_default().push(rule(change, clauses));
                }
                ["at", millis, kind, content] => {
                    program.commands.push((number(millis), kind.to_owned(), number(content)));
                }
                _ => panic!("no line of a machine: {line}"),
            }
        }
        program
    }

    /// What to do about an event with so much fuel left.
    pub(crate) fn rule(&self, state: &str, kind: &str, content: u32, fuel: u32) -> Option<&Rule> {
        pick(self.rules.get(&(state.to_owned(), kind.to_owned(), content)), fuel)
    }

    pub(crate) fn enter_rule(&self, state: &str, fuel: u32) -> Option<&Rule> {
        pick(self.enter.get(state), fuel)
    }

    /// Whether entering a state is seen at all.
    pub(crate) fn enters(&self) -> bool {
        !self.enter.is_empty()
    }
}

/// Rules for one event take turns; without fuel none applies.
fn pick(rules: Option<&Vec<Rule>>, fuel: u32) -> Option<&Rule> {
    let rules = rules.filter(|_| fuel > 0)?;
    rules.get(fuel as usize % rules.len())
}

fn rule<'a>(change: &[&str], clauses: impl Iterator<Item = Vec<&'a str>>) -> Rule {
    let change = match change {
        ["keep"] => Change::Keep,
        ["repeat"] => Change::Repeat,
        ["next", state] => Change::Next((*state).to_owned()),
        ["stop", reason] => Change::Stop((*reason).to_owned()),
        other => panic!("no change of state: {other:?}"),
    };
    Rule { change, actions: clauses.map(|words| action(&words)).collect() }
}

fn action(words: &[&str]) -> Action {
    match *words {
        ["postpone"] => Action::Postpone,
        ["insert", kind, content] => Action::Insert(kind.to_owned(), number(content)),
        ["reply", value] => Action::Reply(number(value)),
        ["reply_saved", value] => Action::ReplySaved(number(value)),
        ["start", timer, millis, content] => Action::Start(timer.to_owned(), number(millis), number(content)),
        ["start_at", timer, millis, content] => Action::StartAt(timer.to_owned(), number(millis), number(content)),
        ["cancel", timer] => Action::Cancel(timer.to_owned()),
        ["update", timer, content] => Action::Update(timer.to_owned(), number(content)),
        _ => panic!("no action: {words:?}"),
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?} is no number: {error:?}"))
}
