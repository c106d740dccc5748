//! Rounds in which the versions take turns, and their medians.

use crate::figures::{Cost, Figure, Load, Outcome, Row, Sample, Target};
use crate::options::Options;

/// A figure of a workload with so many workers, by contender.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) workers: usize,
    pub(crate) figures: Vec<(&'static str, Result<Figure, String>)>,
    pub(crate) target: Option<Target>,
    /// How many times as good Proscenium's is as with one worker, if both were measured.
    pub(crate) gain: Option<f64>,
}

pub(crate) fn run(row: &Row, options: &Options) -> Vec<Line> {
    let size = if options.quick { row.quick_size } else { row.size };
    let most = options.workers.iter().copied().max();
    let counts: Vec<usize> =
        options.workers.iter().copied().filter(|count| !row.with_most_workers || Some(*count) == most).collect();
    let rounds = if row.once { 1 } else { options.rounds };
    let mut lines: Vec<Line> = Vec::new();
    for workers in counts {
        let outcomes = take_turns(row, Load { workers, size }, rounds);
        for line in to_lines(row, workers, &outcomes) {
            let alone = lines.iter().find(|other| other.workers == 1 && other.name == line.name);
            let gain = alone.filter(|_| workers > 1).and_then(|alone| Some(own(alone)? / own(&line)?));
            lines.push(Line { gain, ..line });
        }
    }
    lines
}

/// The median of each contender. A first round, with little to do, is not counted: it warms up.
fn take_turns(row: &Row, load: Load, rounds: usize) -> Vec<Outcome> {
    let count = row.versions.len();
    let mut samples: Vec<Result<Vec<Sample>, String>> = vec![Ok(Vec::new()); count];
    eprintln!("{}, {} workers", row.name, load.workers);
    if rounds > 1 {
        row.versions.iter().for_each(|(_, run)| drop(run(Load { size: row.quick_size, ..load })));
    }
    for turn in (0..rounds * count).map(|n| (n + n / count) % count) {
        if let Ok(so_far) = &mut samples[turn] {
            match (row.versions[turn].1)(load) {
                Ok(sample) => so_far.push(sample),
                Err(why) => samples[turn] = Err(why),
            }
        }
    }
    samples.into_iter().map(|samples| samples.map(|samples| medians(&samples))).collect()
}

fn medians(samples: &[Sample]) -> Sample {
    let of = |nth: usize, value: &dyn Fn(&Figure) -> Option<f64>| {
        let mut values: Vec<f64> = samples.iter().filter_map(|sample| value(&sample[nth])).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let median = |(nth, first): (usize, &Figure)| {
        let cpu = of(nth, &|figure| Some(figure.cost?.cpu));
        let switches = of(nth, &|figure| figure.cost?.switches);
        let value = of(nth, &|figure| Some(figure.value)).unwrap_or(first.value);
        Figure { value, cost: cpu.map(|cpu| Cost { cpu, switches }), ..*first }
    };
    samples[0].iter().enumerate().map(median).collect()
}

/// The figures of all contenders, by what they tell.
fn to_lines(row: &Row, workers: usize, outcomes: &[Outcome]) -> Vec<Line> {
    let measured = outcomes.iter().flatten().max_by_key(|sample| sample.len());
    let Some(all) = measured else { return vec![unmeasured(row, workers, outcomes)] };
    let line = |what: &'static str| {
        let figure = |outcome: &Outcome| {
            let sample = outcome.as_ref().map_err(String::clone)?;
            sample.iter().find(|figure| figure.what == what).copied().ok_or_else(String::new)
        };
        let name = if what.is_empty() { row.name.to_owned() } else { format!("{}: {what}", row.name) };
        let figures = row.versions.iter().zip(outcomes).map(|((contender, _), outcome)| (*contender, figure(outcome)));
        let target = row.targets.iter().find(|(figure, _)| *figure == what).map(|(_, target)| *target);
        Line { name, workers, figures: figures.collect(), target, gain: None }
    };
    all.iter().map(|figure| line(figure.what)).collect()
}

fn unmeasured(row: &Row, workers: usize, outcomes: &[Outcome]) -> Line {
    let why = |outcome: &Outcome| Err(outcome.as_ref().err().cloned().unwrap_or_default());
    let figures = row.versions.iter().zip(outcomes).map(|((contender, _), outcome)| (*contender, why(outcome)));
    Line { name: row.name.to_owned(), workers, figures: figures.collect(), target: None, gain: None }
}

fn own(line: &Line) -> Option<f64> {
    Some(line.figures.first()?.1.as_ref().ok()?.value)
}
