//! The machine beside a plain model: the model does at once, in straight lines, what the machine hands out step by step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use proscenium_runtime::{ErrorContext, ExitReason};

use super::bench::{Bench, Outcome, pids, reason, reason_text, report_text};
use super::{Event, Flags, Request, Stopped};
use crate::auto_shutdown::AutoShutdown;
use crate::backoff::Backoff;
use crate::strategy::Strategy;

/// A child as the model has it.
#[derive(Clone, Debug)]
struct Kid {
    number: usize,
    id: String,
    restart: &'static str,
    significant: bool,
    brutal: bool,
    state: State,
    /// How many times its restart was put off.
    delays: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    Restarting,
}

/// A restart that was put off: of which child, which time of its, and whether it will count.
#[derive(Clone, Copy)]
struct Later {
    number: usize,
    delay: u16,
    counts: bool,
}

struct Model {
    flags: Flags,
    kids: Vec<Kid>,
    last_number: usize,
    now: u64,
    /// In whole seconds.
    restarts: Vec<u64>,
    outcomes: BTreeMap<String, VecDeque<Outcome>>,
    stops: BTreeMap<String, VecDeque<Stopped>>,
    retries: VecDeque<Later>,
    log: Vec<String>,
    reports: Vec<String>,
    over: bool,
}

impl Model {
    fn new(flags: Flags) -> Self {
        Model {
            flags,
            kids: Vec::new(),
            last_number: 0,
            now: 0,
            restarts: Vec::new(),
            outcomes: BTreeMap::new(),
            stops: BTreeMap::new(),
            retries: VecDeque::new(),
            log: Vec::new(),
            reports: Vec::new(),
            over: false,
        }
    }

    fn add(&mut self, text: &str) -> usize {
        let words: Vec<&str> = text.split(':').collect();
        let restart = ["transient", "temporary"].into_iter().find(|it| words.contains(it));
        self.last_number += 1;
        self.kids.push(Kid {
            number: self.last_number,
            id: words[0].to_owned(),
            restart: restart.unwrap_or("permanent"),
            significant: words.contains(&"significant"),
            brutal: words.contains(&"brutal"),
            state: State::Down,
            delays: 0,
        });
        self.last_number
    }

    fn kid(&mut self, number: usize) -> Option<&mut Kid> {
        self.kids.iter_mut().find(|kid| kid.number == number)
    }

    fn find(&self, id: &str) -> Option<&Kid> {
        self.kids.iter().find(|kid| kid.id == id)
    }

    fn numbers(&self) -> Vec<usize> {
        self.kids.iter().map(|kid| kid.number).collect()
    }

    fn say(&mut self, text: impl Into<String>) {
        self.log.push(text.into());
    }

    fn report(&mut self, context: ErrorContext, id: &str, reason: &ExitReason) {
        self.reports.push(report_text(context, id, reason));
    }

    fn boot(&mut self) {
        for number in self.numbers() {
            if let Some(Outcome::Fails) = self.start(number) {
                let id = self.kid(number).expect("it was there").id.clone();
                return self.give_up(&format!("shutdown({id} failed)"));
            }
        }
    }

    /// Starts a child that does not run.
    fn start(&mut self, number: usize) -> Option<Outcome> {
        let kid = self.kid(number)?.clone();
        if kid.state == State::Up {
            return None;
        }
        let outcome = self.outcomes.get_mut(&kid.id).and_then(VecDeque::pop_front);
        let outcome = outcome.unwrap_or(Outcome::Up);
        match outcome {
            Outcome::Up => {
                self.say(format!("start {}", kid.id));
                self.kid(number)?.state = State::Up;
            }
            Outcome::Ignored => {
                self.say(format!("start {} ignored", kid.id));
                self.ended(number);
            }
            Outcome::Fails => {
                self.say(format!("start {} fails", kid.id));
                let reason = ExitReason::error("its init failed: no luck");
                self.report(ErrorContext::StartError, &kid.id, &reason);
            }
        }
        Some(outcome)
    }

    /// Stops a child, if it runs.
    fn stop(&mut self, number: usize) {
        let Some(kid) = self.kid(number).cloned() else { return };
        if kid.state == State::Up {
            self.say(format!("stop {}", kid.id));
            let how = self.stops.get_mut(&kid.id).and_then(VecDeque::pop_front);
            self.complain(&kid, &how.unwrap_or(Stopped::Ended(ExitReason::Shutdown)));
        }
        self.ended(number);
    }

    fn complain(&mut self, kid: &Kid, how: &Stopped) {
        let Stopped::Ended(reason) = how else {
            return self.report(ErrorContext::Abandoned, &kid.id, &ExitReason::Killed);
        };
        let accepted: &[&str] = match (kid.brutal, kid.restart) {
            (true, "permanent") => &["shutdown", "killed"],
            (true, _) => &["shutdown", "killed", "normal", "done"],
            (false, "permanent") => &["shutdown"],
            (false, _) => &["shutdown", "normal", "done"],
        };
        if !accepted.contains(&&*reason_text(reason)) {
            self.report(ErrorContext::ShutdownError, &kid.id, reason);
        }
    }

    fn ended(&mut self, number: usize) {
        self.kids.retain(|kid| kid.number != number || kid.restart != "temporary");
        if let Some(kid) = self.kid(number) {
            kid.state = State::Down;
        }
    }

    fn exited(&mut self, id: &str, reason: &str) {
        let kid = self.find(id).expect("it runs").clone();
        let peaceful = ["normal", "shutdown", "done"].contains(&reason);
        if kid.restart == "permanent" || !peaceful {
            self.report(ErrorContext::ChildTerminated, id, &self::reason(reason));
        }
        if kid.restart == "permanent" || (kid.restart == "transient" && !peaceful) {
            return self.restart(kid.number);
        }
        self.ended(kid.number);
        let others = self.kids.iter().any(|kid| kid.significant && kid.state != State::Down);
        match self.flags.auto_shutdown {
            AutoShutdown::AnySignificant if kid.significant => self.give_up("shutdown"),
            AutoShutdown::AllSignificant if kid.significant && !others => self.give_up("shutdown"),
            _ => {}
        }
    }

    fn retry(&mut self) {
        let Some(Later { number, delay, counts }) = self.retries.pop_front() else { return };
        if self.kid(number).is_some_and(|kid| kid.state == State::Restarting && kid.delays == delay) {
            if counts { self.restart(number) } else { self.restart_group(number) }
        }
    }

    fn restart(&mut self, number: usize) {
        let id = self.kid(number).expect("it has just ended").id.clone();
        let second = self.now / 1000;
        self.restarts.push(second);
        let oldest = second.saturating_sub(self.flags.period.as_secs());
        let recent = self.restarts.iter().filter(|at| **at >= oldest).count();
        if recent > self.flags.intensity as usize {
            let Flags { intensity, period, .. } = self.flags;
            let text = format!("reached the maximum restart intensity: more than {intensity} within {period:?}");
            let reason = ExitReason::error(text);
            self.report(ErrorContext::Shutdown, &id, &reason);
            self.kid(number).expect("it is there").state = State::Down;
            return self.give_up("shutdown");
        }
        if self.flags.backoff.is_none() {
            return self.restart_group(number);
        }
        self.kid(number).expect("it is there").state = State::Down;
        for number in self.group(number).into_iter().rev() {
            self.stop(number);
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(u32::try_from(recent).expect("a few") - 1));
        self.say(format!("pause {id} {}", pause.min(LONGEST_PAUSE).as_millis()));
        self.put_off(number, false);
    }

    fn put_off(&mut self, number: usize, counts: bool) {
        let kid = self.kid(number).expect("it is there");
        kid.state = State::Restarting;
        kid.delays += 1;
        let delay = kid.delays;
        self.retries.push_back(Later { number, delay, counts });
    }

    /// Those whose fate the child shares, oldest first.
    fn group(&self, number: usize) -> Vec<usize> {
        match self.flags.strategy {
            Strategy::OneForOne => vec![number],
            Strategy::OneForAll => self.numbers(),
            Strategy::RestForOne => self.numbers().into_iter().skip_while(|it| *it != number).collect(),
        }
    }

    fn restart_group(&mut self, number: usize) {
        self.kid(number).expect("it is there").state = State::Down;
        let group = self.group(number);
        for number in group.iter().rev() {
            self.stop(*number);
        }
        for number in group {
            if let Some(Outcome::Fails) = self.start(number) {
                let id = self.kid(number).expect("it was there").id.clone();
                self.say(format!("retry {id}"));
                return self.put_off(number, true);
            }
        }
    }

    fn give_up(&mut self, reason: &str) {
        for number in self.numbers().into_iter().rev() {
            self.stop(number);
        }
        self.say(format!("exit {reason}"));
        self.over = true;
    }

    fn answer(&mut self, answer: &str) {
        self.say(format!("answer {answer}"));
    }

    fn request(&mut self, verb: &str, text: &str) {
        let id = text.split(':').next().unwrap_or_default();
        let found = self.find(id).map(|kid| (kid.number, kid.state));
        match (verb, found) {
            ("add", None) => {
                let number = self.add(text);
                self.start_on_request(number, true);
            }
            ("add", Some((_, State::Up))) => self.answer("already started"),
            ("add", Some(_)) => self.answer("already present"),
            (_, None) => self.answer("not found"),
            ("terminate", Some((number, _))) => {
                self.stop(number);
                self.answer("ok");
            }
            (_, Some((_, State::Up))) => self.answer("running"),
            (_, Some((_, State::Restarting))) => self.answer("restarting"),
            ("restart", Some((number, State::Down))) => self.start_on_request(number, false),
            (_, Some((number, State::Down))) => {
                self.kids.retain(|kid| kid.number != number);
                self.answer("ok");
            }
        }
    }

    fn start_on_request(&mut self, number: usize, adds: bool) {
        match self.start(number).expect("it does not run") {
            Outcome::Up => self.answer("up"),
            Outcome::Ignored => self.answer("ok"),
            Outcome::Fails => {
                self.kids.retain(|kid| kid.number != number || !adds);
                self.answer("failed");
            }
        }
    }

    fn children(&self) -> String {
        let kid = |kid: &Kid| {
            let state = match kid.state {
                State::Up => "up",
                State::Down => "down",
                State::Restarting => "restarting",
            };
            format!("{}:{state}", kid.id)
        };
        self.kids.iter().map(kid).collect::<Vec<_>>().join(" ")
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1600);

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Machine and model, to which the same happens.
struct Pair {
    rng: Rng,
    bench: Bench,
    model: Model,
    live: BTreeSet<String>,
    /// The seconds in which a restart was decided.
    decided: Vec<u64>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
        let shutdowns = [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let flags = Flags {
            strategy: strategies[rng.usize(..3)],
            intensity: [0, 1, 2, 5, 100][rng.usize(..5)],
            period: Duration::from_secs(5),
            auto_shutdown: shutdowns[rng.usize(..3)],
            backoff: rng.bool().then(|| Backoff::new(FIRST_PAUSE).longest(LONGEST_PAUSE)),
        };
        let mut model = Model::new(flags);
        let mut specs = Vec::new();
        for id in &IDS[..rng.usize(..5)] {
            specs.push(spec(&mut rng, flags, id));
        }
        for spec in &specs {
            model.add(spec);
        }
        let bench = Bench::new(flags, &specs.join(" "));
        Pair { rng, bench, model, live: BTreeSet::new(), decided: Vec::new() }
    }

    fn pick(&mut self) -> &'static str {
        IDS[self.rng.usize(..IDS.len())]
    }

    fn boot(&mut self) {
        self.foresee();
        self.bench.feed(Event::Boot);
        self.model.boot();
        self.compare(0);
    }

    /// Settles, now and then, what the next start or stop of a child comes to.
    fn foresee(&mut self) {
        let id = self.pick();
        match self.rng.u8(..10) {
            0..3 => {
                let outcome = [Outcome::Fails, Outcome::Fails, Outcome::Ignored][self.rng.usize(..3)];
                self.bench.next_start(id, outcome);
                self.model.outcomes.entry(id.to_owned()).or_default().push_back(outcome);
            }
            3 => {
                let reasons = ["normal", "done", "killed", "boom"];
                let how = match self.rng.usize(..5) {
                    4 => Stopped::Abandoned,
                    index => Stopped::Ended(reason(reasons[index])),
                };
                self.bench.next_stop(id, how.clone());
                self.model.stops.entry(id.to_owned()).or_default().push_back(how);
            }
            _ => {}
        }
    }

    /// Something happens. Returns how many requests that was.
    fn happen(&mut self) -> usize {
        let id = self.pick();
        let wait = [0, 0, 1000, 2500, 5000][self.rng.usize(..5)];
        self.bench.wait(wait);
        self.model.now += wait;
        match self.rng.u8(..10) {
            0..4 if self.live.contains(id) => {
                let how = ["normal", "shutdown", "done", "killed", "boom", "boom"][self.rng.usize(..6)];
                self.live.remove(id);
                self.bench.exited(id, reason(how));
                self.model.exited(id, how);
                self.assert_borne();
            }
            4 => {
                let pid = pids()[4095];
                let reason = ExitReason::Killed;
                self.bench.feed(Event::Exited { pid, reason });
            }
            5..7 if !self.model.retries.is_empty() => {
                let counts = self.model.retries[0].counts;
                self.bench.retry();
                self.model.retry();
                if counts {
                    self.assert_borne();
                }
            }
            7.. => {
                self.request(id);
                return 1;
            }
            _ => {}
        }
        0
    }

    fn request(&mut self, id: &str) {
        let verb = ["add", "terminate", "restart", "delete"][self.rng.usize(..4)];
        let text = match verb {
            "add" => spec(&mut self.rng, self.model.flags, id),
            _ => id.to_owned(),
        };
        let request = match verb {
            "add" => Request::Start(super::bench::spec(&text)),
            "terminate" => Request::Terminate(id.into()),
            "restart" => Request::Restart(id.into()),
            _ => Request::Delete(id.into()),
        };
        self.bench.feed(Event::Request(request));
        self.model.request(verb, &text);
    }

    /// Compares what both did, and holds the machine to what needs no model.
    fn compare(&mut self, requests: usize) {
        self.assert_in_order();
        assert_eq!(self.bench.log, self.model.log);
        assert_eq!(self.bench.reports, self.model.reports);
        assert_eq!(self.bench.children(), self.model.children());
        let mut answers = 0;
        for line in self.bench.log.drain(..) {
            match *line.split(' ').collect::<Vec<_>>() {
                ["start", id] => assert!(self.live.insert(id.to_owned()), "{id} was started twice"),
                ["stop", id] => assert!(self.live.remove(id), "{id} did not run"),
                ["answer", ..] => answers += 1,
                _ => {}
            }
        }
        assert_eq!(answers, requests, "answers");
        self.bench.reports.clear();
        self.model.log.clear();
        self.model.reports.clear();
    }

    /// Stops came in reverse, then starts in order.
    fn assert_in_order(&self) {
        let place = |id: &str| self.bench.places.iter().position(|known| known == id).expect("it was added");
        let steps = |verb: &str| {
            let of_verb = self.bench.log.iter().filter_map(|line| line.strip_prefix(verb));
            of_verb.map(|rest| place(rest.split(' ').next().unwrap_or_default())).collect::<Vec<_>>()
        };
        assert!(steps("stop ").is_sorted_by(|a, b| a > b), "{:?}", self.bench.log);
        assert!(steps("start ").is_sorted_by(|a, b| a < b), "{:?}", self.bench.log);
    }

    /// If a restart was decided, there were no more of them within the period than there may be.
    fn assert_borne(&mut self) {
        let is_step = |line: &String| line.starts_with("start ") || line.starts_with("pause ");
        if !self.bench.log.iter().any(is_step) {
            return;
        }
        let second = self.model.now / 1000;
        self.decided.push(second);
        let recent = self.decided.iter().filter(|at| **at + self.model.flags.period.as_secs() >= second).count();
        assert!(recent <= self.model.flags.intensity as usize, "{recent} restarts");
    }

    fn stop(&mut self) {
        if !self.model.over {
            self.bench.feed(Event::Stop);
            self.model.give_up("shutdown");
            self.compare(0);
        }
        assert!(self.live.is_empty(), "left alive: {:?}", self.live);
    }
}

/// A random spec of `id`, allowed under `flags`.
fn spec(rng: &mut Rng, flags: Flags, id: &str) -> String {
    let mut text = id.to_owned();
    let restart = ["", "", ":transient", ":temporary"][rng.usize(..4)];
    text += restart;
    if rng.u8(..4) == 0 {
        text += ":brutal";
    }
    if !restart.is_empty() && flags.auto_shutdown != AutoShutdown::Never && rng.bool() {
        text += ":significant";
    }
    text
}

#[test]
fn whatever_happens_the_machine_does_as_the_model() {
    for seed in 0..10_000 {
        let run = std::panic::catch_unwind(|| {
            let mut pair = Pair::new(seed);
            pair.boot();
            let length = pair.rng.usize(1..40);
            for _ in 0..length {
                if pair.model.over {
                    break;
                }
                pair.foresee();
                let requests = pair.happen();
                pair.compare(requests);
            }
            pair.stop();
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
