//! The workloads.

mod call;
mod cast;
mod fan_in;
mod idle;
mod latency;
mod layers;
mod mixed;
mod monitors;
mod pairs;
mod restart;
mod ring;
mod spawn;
mod timers;
mod tree;
mod troupe;

pub(crate) mod memory;

use crate::figures::Row;

/// In the order of the table.
pub(crate) fn all() -> Vec<Row> {
    [
        call::rows(),
        cast::rows(),
        fan_in::rows(),
        ring::rows(),
        pairs::rows(),
        mixed::rows(),
        layers::rows(),
        spawn::rows(),
        monitors::rows(),
        restart::rows(),
        tree::rows(),
        troupe::rows(),
        timers::rows(),
        latency::rows(),
        idle::rows(),
        memory::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
