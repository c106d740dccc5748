//! What a run yields, and what is wanted of it.

/// How a version fared; the error says why it could not be measured.
pub(crate) type Outcome = Result<Sample, String>;

/// The figures of one run, always in the same order.
pub(crate) type Sample = Vec<Figure>;

/// How much is to be done.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) workers: usize,
    /// How many operations.
    pub(crate) size: u64,
}

/// One number. Less is better.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    /// What it tells of the workload; empty if it is the time that an operation takes.
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
    pub(crate) cost: Option<Cost>,
}

impl Figure {
    pub(crate) fn new(what: &'static str, unit: Unit, value: f64) -> Self {
        Figure { what, unit, value, cost: None }
    }
}

/// What an operation takes beside time.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// Nanoseconds of all threads.
    pub(crate) cpu: f64,
    /// Context switches, voluntary or not; if the operating system tells.
    pub(crate) switches: Option<f64>,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Nanoseconds,
    Bytes,
    Count,
    /// One figure by another.
    Times,
}

/// What is promised of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// This many times as good as bare tokio.
    TimesTokio(f64),
    AtMost(f64),
}

pub(crate) type Run = fn(Load) -> Outcome;

/// A workload.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How many operations are measured at a time, and how many only to see it run.
    pub(crate) size: u64,
    pub(crate) quick_size: u64,
    /// By contender, Proscenium first.
    pub(crate) versions: Vec<(&'static str, Run)>,
    /// By figure.
    pub(crate) targets: Vec<(&'static str, Target)>,
    /// Whether it is measured with the most workers only.
    pub(crate) with_most_workers: bool,
    /// Whether one round says all.
    pub(crate) once: bool,
}

impl Row {
    pub(crate) fn new(name: &'static str, size: u64, proscenium: Run) -> Self {
        let versions = vec![("Proscenium", proscenium)];
        Row { name, size, quick_size: size / 100, versions, targets: Vec::new(), with_most_workers: false, once: false }
    }

    pub(crate) fn quick_size(mut self, size: u64) -> Self {
        self.quick_size = size;
        self
    }

    pub(crate) fn beside(mut self, contender: &'static str, run: Run) -> Self {
        self.versions.push((contender, run));
        self
    }

    pub(crate) fn target(mut self, figure: &'static str, target: Target) -> Self {
        self.targets.push((figure, target));
        self
    }

    pub(crate) fn with_most_workers(mut self) -> Self {
        self.with_most_workers = true;
        self
    }

    /// One round says all, with the most workers.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self.with_most_workers()
    }
}
