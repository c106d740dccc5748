//! Time, processor time and context switches between two moments.

use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::figures::{Cost, Figure, Sample, Unit};

pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
    switches: Option<u64>,
}

/// What has passed.
pub(crate) struct Lap {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) switches: Option<u64>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        let switches = switches();
        Stopwatch { switches, cpu: cpu(), wall: Instant::now() }
    }

    pub(crate) fn stop(self) -> Lap {
        let (wall, cpu) = (self.wall.elapsed(), cpu() - self.cpu);
        let switches = self.switches.zip(switches()).map(|(before, after)| after.saturating_sub(before));
        Lap { wall, cpu, switches }
    }
}

impl Lap {
    /// The figure of a workload that did this many operations meanwhile.
    pub(crate) fn each(self, operations: u64) -> Sample {
        vec![self.figure("", operations)]
    }

    pub(crate) fn figure(self, what: &'static str, operations: u64) -> Figure {
        let each = |total: f64| total / operations as f64;
        let cost = Cost {
            cpu: each(self.cpu.as_nanos() as f64),
            switches: self.switches.map(|switches| each(switches as f64)),
        };
        let value = each(self.wall.as_nanos() as f64);
        Figure { what, unit: Unit::Nanoseconds, value, cost: Some(cost) }
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Of the threads that there are.
fn switches() -> Option<u64> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let of =
        |status: String| status.lines().filter(|line| line.contains("ctxt_switches")).filter_map(last).sum::<u64>();
    Some(tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("status")).ok()).map(of).sum())
}

fn last(line: &str) -> Option<u64> {
    line.split_whitespace().last()?.parse().ok()
}
