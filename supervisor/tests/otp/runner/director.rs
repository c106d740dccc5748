//! Tells each process what to do when it starts and stops, and writes down what was seen.
//!
//! It takes a turn of its own for all that the oracle's director takes one for, so that run in turn both see the same order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use proscenium_runtime::{Address, Context, Event, ExitReason, Pid, Reply, SystemHandle};
use proscenium_supervisor::{DynamicRef, SupervisorRef};

use super::links::Links;
use super::parse::{Declaration, Kind, Scenario};

/// The director as all who know it hold it.
#[derive(Clone)]
pub(crate) struct Director {
    notes: Arc<Mutex<Notes>>,
    process: Address<Turn>,
}

#[derive(Default)]
struct Notes {
    declarations: Vec<Declaration>,
    /// What the next starts of a child come to; after those, all is well.
    outcomes: BTreeMap<String, VecDeque<String>>,
    on_stop: BTreeMap<String, String>,
    alive: Vec<Alive>,
    /// Who had an id last.
    last: BTreeMap<String, Pid>,
    /// The pool of each that was ever asked for there.
    pools: BTreeMap<String, String>,
    /// Whom each supervisor is linked to, and who each of those is.
    links: BTreeMap<Pid, Links>,
    linked: BTreeMap<u32, Pid>,
    incarnations: u32,
    events: Vec<String>,
    gone: Vec<String>,
    seen: usize,
}

/// A process of the tree.
#[derive(Clone)]
pub(crate) struct Alive {
    pub(crate) id: String,
    pub(crate) pid: Pid,
    pub(crate) role: Role,
    /// With its supervisor, if that is one of the tree.
    pub(crate) link: Option<Link>,
}

/// A link of a supervisor with the child of that number.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    supervisor: Pid,
    child: u32,
}

#[derive(Clone)]
pub(crate) enum Role {
    /// It ends itself with the reason it is sent.
    Worker(Address<ExitReason>),
    Supervisor(SupervisorRef),
    Pool(DynamicRef),
}

impl Director {
    pub(crate) fn new(system: &SystemHandle, scenario: &Scenario) -> Self {
        let start = |declaration: &Declaration| {
            let outcomes = declaration.options.get("start")?;
            Some((declaration.id.clone(), outcomes.split(',').map(str::to_owned).collect()))
        };
        let notes = Arc::new(Mutex::new(Notes {
            declarations: scenario.declarations.clone(),
            outcomes: scenario.declarations.iter().filter_map(start).collect(),
            ..Notes::default()
        }));
        let theirs = notes.clone();
        let process = system.spawn(move |ctx| take_turns(ctx, theirs));
        Director { notes, process }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("nobody panics under it")
    }

    pub(crate) fn declaration(&self, id: &str) -> Declaration {
        let notes = self.notes();
        let found = notes.declarations.iter().find(|declaration| declaration.id == id);
        found.unwrap_or_else(|| panic!("{id} is not declared")).clone()
    }

    pub(crate) fn is_supervisor(&self, id: &str) -> bool {
        let declarations = &self.notes().declarations;
        declarations.iter().any(|declaration| declaration.id == id && declaration.kind != Kind::Worker)
    }

    pub(crate) fn set_pool(&self, id: &str, pool: &str) {
        self.notes().pools.insert(id.to_owned(), pool.to_owned());
    }

    /// The pool of which that process is or was a child.
    pub(crate) fn pool_of(&self, id: &str) -> Option<String> {
        self.notes().pools.get(id).cloned()
    }

    pub(crate) fn last_pid(&self, id: &str) -> Option<Pid> {
        self.notes().last.get(id).copied()
    }

    /// Who lives with that pid.
    pub(crate) fn id_of(&self, pid: Pid) -> Option<String> {
        self.notes().alive.iter().find(|alive| alive.pid == pid).map(|alive| alive.id.clone())
    }

    pub(crate) fn children_of(&self, id: &str) -> Vec<Declaration> {
        let mut children = self.notes().declarations.clone();
        children.retain(|declaration| declaration.parent.as_deref() == Some(id));
        children
    }

    pub(crate) fn set_outcomes(&self, id: &str, outcomes: &[&str]) {
        let outcomes = outcomes.iter().map(|&outcome| outcome.to_owned()).collect();
        self.notes().outcomes.insert(id.to_owned(), outcomes);
    }

    pub(crate) fn next_outcome(&self, id: &str) -> String {
        let mut notes = self.notes();
        let outcome = notes.outcomes.get_mut(id).and_then(VecDeque::pop_front);
        outcome.unwrap_or_else(|| "ok".to_owned())
    }

    pub(crate) fn set_on_stop(&self, id: &str, how: &str) {
        self.notes().on_stop.insert(id.to_owned(), how.to_owned());
    }

    pub(crate) fn on_stop(&self, id: &str) -> String {
        let how = self.notes().on_stop.get(id).cloned();
        how.unwrap_or_else(|| "clean".to_owned())
    }

    /// A name that no incarnation had: one that outlives its killed supervisor must not be in its successor's way.
    pub(crate) fn new_name(&self, id: &str) -> String {
        let mut notes = self.notes();
        notes.incarnations += 1;
        format!("{id} #{}", notes.incarnations)
    }

    pub(crate) fn saw(&self, event: String) {
        let mut notes = self.notes();
        notes.events.push(event);
        notes.seen += 1;
        drop(notes);
        self.process.cast(Turn::Event);
    }

    pub(crate) fn saw_end(&self, id: &str, reason: &ExitReason) {
        self.notes().saw_end(id, reason);
    }

    /// A process is starting, linked to its supervisor, if that is one of the tree.
    pub(crate) async fn links(&self, supervisor: Option<Pid>, pid: Pid) -> Option<Link> {
        // Who has ended has lost its link by now; that must be known here, too.
        self.turn().await;
        supervisor.map(|supervisor| self.notes().link(supervisor, pid))
    }

    /// Its start has failed.
    pub(crate) fn unlinks(&self, link: Option<Link>) {
        if let Some(link) = link {
            self.notes().unlink(link);
        }
    }

    /// Those who are linked to a process, in the order in which Erlang would tell them of its end.
    pub(crate) fn told_by(&self, alive: &Alive) -> Vec<Pid> {
        let notes = self.notes();
        let numbers = notes.links.get(&alive.pid).map(Links::told).unwrap_or_default();
        let pid = |number: &u32| match number {
            0 => alive.link.map(|link| link.supervisor),
            _ => notes.linked.get(number).copied(),
        };
        numbers.iter().filter_map(pid).collect()
    }

    /// A process has started; by the time this returns, its end will be noticed.
    pub(crate) async fn started(&self, alive: Alive) {
        let pid = alive.pid;
        self.notes().saw_start(alive);
        self.ask(Some(pid)).await;
    }

    /// Waits until all that was said before is written down.
    pub(crate) async fn turn(&self) {
        self.ask(None).await;
    }

    async fn ask(&self, monitor: Option<Pid>) {
        let done = self.process.call(|done| Turn::Ask { monitor, done }).await;
        done.expect("the director outlives everybody");
    }

    /// The youngest incarnation, if it lives.
    pub(crate) fn find(&self, id: &str) -> Option<Alive> {
        let notes = self.notes();
        notes.alive.iter().find(|alive| alive.id == id && notes.is_youngest(alive)).cloned()
    }

    /// All supervisors that live and have no younger incarnation, by id.
    pub(crate) fn supervisors(&self) -> Vec<Alive> {
        let notes = self.notes();
        let is_wanted = |alive: &&Alive| notes.is_youngest(alive) && !matches!(alive.role, Role::Worker(_));
        let mut supervisors: Vec<Alive> = notes.alive.iter().filter(is_wanted).cloned().collect();
        supervisors.sort_by(|a, b| a.id.cmp(&b.id));
        supervisors
    }

    /// How much has been seen so far.
    pub(crate) fn seen(&self) -> usize {
        self.notes().seen
    }

    pub(crate) fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut self.notes().events)
    }

    /// Who has ended, sorted as text.
    pub(crate) fn take_gone(&self) -> Vec<String> {
        let mut gone = std::mem::take(&mut self.notes().gone);
        gone.sort();
        gone
    }
}

impl Notes {
    fn link(&mut self, supervisor: Pid, pid: Pid) -> Link {
        self.incarnations += 1;
        let child = self.incarnations;
        let links = self.links.entry(supervisor).or_insert_with(|| {
            // The first link of all is that with its own supervisor.
            let mut links = Links::default();
            links.insert(0);
            links
        });
        links.insert(child);
        self.linked.insert(child, pid);
        Link { supervisor, child }
    }

    fn unlink(&mut self, link: Link) {
        if let Some(links) = self.links.get_mut(&link.supervisor) {
            links.remove(link.child);
        }
    }

    fn is_youngest(&self, alive: &Alive) -> bool {
        self.last.get(&alive.id) == Some(&alive.pid)
    }

    fn saw_start(&mut self, alive: Alive) {
        self.last.insert(alive.id.clone(), alive.pid);
        self.alive.push(alive);
    }

    fn saw_end(&mut self, id: &str, reason: &ExitReason) {
        self.gone.push(format!("{id}:{}", super::words::reason(reason)));
        self.seen += 1;
    }
}

/// What the director's process is sent.
enum Turn {
    /// There is a new event.
    Event,
    /// Somebody waits for a turn; if told so, it writes down the end of a process from then on.
    Ask { monitor: Option<Pid>, done: Reply<()> },
}

async fn take_turns(mut ctx: Context<Turn>, notes: Arc<Mutex<Notes>>) {
    loop {
        match ctx.receive().await {
            Event::Message(Turn::Ask { monitor, done }) => {
                if let Some(pid) = monitor {
                    ctx.monitor(pid);
                }
                done.send(());
            }
            Event::Down(down) => {
                let mut notes = notes.lock().expect("nobody panics under it");
                if let Some(index) = notes.alive.iter().position(|alive| alive.pid == down.pid) {
                    let ended = notes.alive.remove(index);
                    if let Some(link) = ended.link {
                        notes.unlink(link);
                    }
                    notes.saw_end(&ended.id, &down.reason);
                }
            }
            Event::Message(Turn::Event) | Event::Exit(_) => {}
        }
    }
}
