//! What one file says of a child, all of it optional: another may say the rest.
//!
//! Each struct here lies over another of its kind with `over`: what it says wins, what it does not say is the other's.

use super::fields::{Fields, Located};
use super::mistake::{Mistakes, Problem};
use super::node::{Entry, Node};
use super::words::{AutoShutdownWord, Period, RestartWord, ShutdownWord, StrategyWord};

/// How a child is treated by its supervisor.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    pub(crate) restart: Option<Located<RestartWord>>,
    pub(crate) shutdown: Option<Located<ShutdownWord>>,
    pub(crate) significant: Option<Located<bool>>,
}

impl Policy {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Policy {
            restart: fields.take("restart"),
            shutdown: fields.take("shutdown"),
            significant: fields.take("significant"),
        }
    }

    pub(crate) fn over(self, below: Self) -> Self {
        Policy {
            restart: self.restart.or(below.restart),
            shutdown: self.shutdown.or(below.shutdown),
            significant: self.significant.or(below.significant),
        }
    }
}

/// What a supervisor is.
#[derive(Clone, Default)]
pub(crate) struct Flags {
    pub(crate) name: Option<Located<String>>,
    pub(crate) strategy: Option<Located<StrategyWord>>,
    pub(crate) intensity: Option<Located<u32>>,
    pub(crate) period: Option<Located<Period>>,
    pub(crate) auto_shutdown: Option<Located<AutoShutdownWord>>,
    pub(crate) backoff: Option<Backoff>,
}

impl Flags {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Flags { name: fields.take("name"), ..Flags::read_common(fields) }
    }

    /// All but what two supervisors cannot share.
    pub(crate) fn read_common(fields: &mut Fields<'_>) -> Self {
        Flags {
            name: None,
            strategy: fields.take("strategy"),
            intensity: fields.take("intensity"),
            period: fields.take("period"),
            auto_shutdown: fields.take("auto_shutdown"),
            backoff: Backoff::read(fields),
        }
    }

    pub(crate) fn over(self, below: Self) -> Self {
        Flags {
            name: self.name.or(below.name),
            strategy: self.strategy.or(below.strategy),
            intensity: self.intensity.or(below.intensity),
            period: self.period.or(below.period),
            auto_shutdown: self.auto_shutdown.or(below.auto_shutdown),
            backoff: match (self.backoff, below.backoff) {
                (Some(backoff), Some(below)) => Some(backoff.over(below)),
                (backoff, below) => backoff.or(below),
            },
        }
    }

    /// One of those that are set, and its name.
    pub(crate) fn any(&self) -> Option<(&'static str, &Node)> {
        let flags = [
            ("name", self.name.as_ref().map(|name| &name.at)),
            ("strategy", self.strategy.as_ref().map(|strategy| &strategy.at)),
            ("intensity", self.intensity.as_ref().map(|intensity| &intensity.at)),
            ("period", self.period.as_ref().map(|period| &period.at)),
            ("auto_shutdown", self.auto_shutdown.as_ref().map(|auto_shutdown| &auto_shutdown.at)),
            ("backoff", self.backoff.as_ref().map(|backoff| &backoff.at)),
        ];
        flags.into_iter().find_map(|(name, at)| at.map(|at| (name, at)))
    }
}

/// How long a supervisor waits before it restarts a child.
#[derive(Clone)]
pub(crate) struct Backoff {
    pub(crate) at: Node,
    pub(crate) first: Option<Located<Period>>,
    pub(crate) longest: Option<Located<Period>>,
    pub(crate) jitter: Option<Located<f64>>,
    pub(crate) seed: Option<Located<u64>>,
}

impl Backoff {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (at, mut own) = fields.within("backoff")?;
        let backoff = Backoff {
            at,
            first: own.take("first"),
            longest: own.take("longest"),
            jitter: own.take("jitter"),
            seed: own.take("seed"),
        };
        own.finish();
        Some(backoff)
    }

    fn over(self, below: Self) -> Self {
        Backoff {
            at: self.at,
            first: self.first.or(below.first),
            longest: self.longest.or(below.longest),
            jitter: self.jitter.or(below.jitter),
            seed: self.seed.or(below.seed),
        }
    }
}

/// What a start function is given: fields, which layers may set one by one, or one value.
#[derive(Clone)]
pub(crate) enum Args {
    Fields { at: Node, fields: Vec<Entry> },
    Value(Node),
}

impl Args {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let at = fields.node("args")?;
        Some(match at.fields() {
            Some(fields) => Args::Fields { at, fields },
            None => Args::Value(at),
        })
    }

    pub(crate) fn at(&self) -> &Node {
        match self {
            Args::Fields { at, .. } | Args::Value(at) => at,
        }
    }

    fn over(self, below: Self) -> Self {
        match (self, below) {
            (Args::Fields { at, fields: mut merged }, Args::Fields { fields: below, .. }) => {
                let said = merged.len();
                let is_said = |name: &Node| merged[..said].iter().any(|(other, _)| other.text() == name.text());
                let rest: Vec<Entry> = below.into_iter().filter(|(name, _)| !is_said(name)).collect();
                merged.extend(rest);
                Args::Fields { at, fields: merged }
            }
            (args, _) => args,
        }
    }
}

/// What starts a worker.
#[derive(Clone, Default)]
pub(crate) struct Worker {
    pub(crate) start: Option<Located<String>>,
    pub(crate) args: Option<Args>,
}

impl Worker {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Worker { start: fields.take("start"), args: Args::read(fields) }
    }

    fn over(self, below: Self) -> Self {
        let args = match (self.args, below.args) {
            (Some(args), Some(below)) => Some(args.over(below)),
            (args, below) => args.or(below),
        };
        Worker { start: self.start.or(below.start), args }
    }
}

/// What is said of one child, or of the top supervisor, beside its place in the tree.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) flags: Flags,
    pub(crate) worker: Worker,
}

impl Settings {
    pub(crate) fn over(self, below: Self) -> Self {
        Settings {
            policy: self.policy.over(below.policy),
            flags: self.flags.over(below.flags),
            worker: self.worker.over(below.worker),
        }
    }
}

/// What a file's `defaults` say.
#[derive(Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) workers: Policy,
    pub(crate) supervisors: (Policy, Flags),
}

impl Defaults {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let Some(node) = fields.node("defaults") else {
            return Defaults::default();
        };
        let mut own = Fields::of(&node, "defaults", fields.mistakes());
        let mut defaults = Defaults::default();
        if let Some((_, mut fields)) = own.within("workers") {
            defaults.workers = Policy::read(&mut fields);
            fields.finish();
        }
        if let Some((_, mut fields)) = own.within("supervisors") {
            defaults.supervisors = (Policy::read(&mut fields), Flags::read_common(&mut fields));
            fields.finish();
        }
        own.finish();
        defaults
    }

    pub(crate) fn over(self, below: Self) -> Self {
        Defaults {
            workers: self.workers.over(below.workers),
            supervisors: (self.supervisors.0.over(below.supervisors.0), self.supervisors.1.over(below.supervisors.1)),
        }
    }
}

/// What is read of one place in an overlay, `None` if it says where a child stands, which an overlay cannot.
pub(crate) fn read_overlay(node: &Node, path: &str, mistakes: &mut Mistakes) -> Settings {
    let mut fields = Fields::of(node, path, mistakes);
    let settings = Settings {
        policy: Policy::read(&mut fields),
        flags: Flags::read(&mut fields),
        worker: Worker::read(&mut fields),
    };
    for structure in ["id", "children", "include", "defaults"] {
        if let Some(node) = fields.node(structure) {
            fields.complain(&node, Problem::Combination("an overlay changes settings, not which children there are"));
        }
    }
    fields.finish();
    settings
}
