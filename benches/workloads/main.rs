//! What Proscenium costs, beside bare channels that do the same work in the same run.
//!
//! ```sh
//! cargo bench --bench workloads                           # everything, some minutes
//! cargo bench --bench workloads -- --rows call,ring       # the rows whose names contain one of these
//! cargo bench --bench workloads -- --quick                # whether all of it runs, some seconds
//! ```
//!
//! Standard output is one Markdown table. A row is a workload under `rows/`, with a version for Proscenium, one for tokio's
//! channels on tokio, and one for async-channel on smol, side by side in one file; supervision has one for Erlang/OTP, too, where
//! that is installed. Every figure is the median of rounds in which
//! the versions take turns, each in a runtime of its own; what is set up before the stopwatch starts is not counted.

mod erlang;
mod figures;
mod machine;
mod options;
mod resident;
mod rounds;
mod rows;
mod stage;
mod stopwatch;
mod table;

use options::Options;

fn main() {
    let options = Options::from_args();
    if let Some((crowd, load)) = &options.crowd {
        return rows::memory::report(crowd, *load);
    }
    // What panics here does so on purpose.
    std::panic::set_hook(Box::new(|_| {}));
    println!("{}\n", machine::describe());
    let lines: Vec<_> =
        rows::all().iter().filter(|row| options.wants(row)).flat_map(|row| rounds::run(row, &options)).collect();
    print!("{}", table::markdown(&lines));
}
