//! One Markdown table.

use std::fmt::Write;

use crate::figures::{Cost, Figure, Target, Unit};
use crate::rounds::Line;

/// The first contender's figures, beside those of all others and how many times as good it is; what processors did for that; and
/// below it why something could not be measured.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let contenders = contenders(lines);
    let mut text = head(&contenders);
    let mut notes: Vec<String> = Vec::new();
    for line in lines {
        let mut cells = vec![line.name.clone(), line.workers.to_string()];
        for contender in &contenders {
            cells.push(match figure_of(line, contender) {
                Some(Ok(figure)) => value(figure.unit, figure.value),
                Some(Err(why)) if !why.is_empty() => note(&mut notes, why),
                _ => "–".to_owned(),
            });
        }
        cells.extend(contenders.iter().skip(1).map(|other| times(line, other).map_or("–".to_owned(), round)));
        cells.push(target(line));
        cells.push(line.gain.map_or("–".to_owned(), round));
        cells.push(costs(line, &contenders, |cost| Some(value(Unit::Nanoseconds, cost.cpu))));
        cells.push(costs(line, &contenders, |cost| Some(round(cost.switches? * 1000.0))));
        _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let notes = notes.iter().enumerate().map(|(nth, why)| format!("\n({}) Not measured: {why}.\n", nth + 1));
    text + &notes.collect::<String>()
}

fn contenders(lines: &[Line]) -> Vec<&'static str> {
    let mut contenders = Vec::new();
    for (contender, _) in lines.iter().flat_map(|line| &line.figures) {
        if !contenders.contains(contender) {
            contenders.push(*contender);
        }
    }
    contenders
}

fn head(contenders: &[&str]) -> String {
    let ratios: String = contenders.iter().skip(1).map(|other| format!(" × {other} |")).collect();
    let all = contenders.join(" / ");
    let columns = 6 + contenders.len() * 2 - 1;
    format!(
        "| workload | workers | {} |{ratios} target | gain of 2 workers | CPU: {all} | switches per 1,000: {all} |\n|---|{}\n",
        contenders.join(" | "),
        "---:|".repeat(columns - 1)
    )
}

fn figure_of<'a>(line: &'a Line, contender: &str) -> Option<Result<&'a Figure, &'a str>> {
    let (_, figure) = line.figures.iter().find(|(of, _)| *of == contender)?;
    Some(figure.as_ref().map_err(String::as_str))
}

/// How many times as good the first is as `other`.
fn times(line: &Line, other: &str) -> Option<f64> {
    let own = line.figures.first()?.1.as_ref().ok()?;
    let other = figure_of(line, other)?.ok()?.value;
    (own.value > 0.0 && !matches!(own.unit, Unit::Times)).then(|| other / own.value)
}

/// What is promised; bold if it is missed.
fn target(line: &Line) -> String {
    let own = line.figures.first().and_then(|(_, figure)| figure.as_ref().ok());
    let (Some(target), Some(own)) = (line.target, own) else { return "–".to_owned() };
    let (text, met) = match target {
        // Promised with two workers; with one it is to be no worse than tokio.
        Target::TimesTokio(least) => {
            let least = if line.workers == 1 { 1.0 } else { least };
            (format!("× ≥ {least}"), times(line, "tokio").is_none_or(|times| times >= least))
        }
        Target::AtMost(most) => (format!("≤ {}", value(own.unit, most)), own.value <= most),
    };
    if met { text } else { format!("**{text}**") }
}

fn costs(line: &Line, contenders: &[&str], text: impl Fn(Cost) -> Option<String>) -> String {
    let of = |contender: &&str| figure_of(line, contender)?.ok()?.cost.and_then(&text);
    let costs: Vec<Option<String>> = contenders.iter().map(of).collect();
    if costs.iter().all(Option::is_none) {
        return "–".to_owned();
    }
    costs.into_iter().map(|cost| cost.unwrap_or("–".to_owned())).collect::<Vec<_>>().join(" / ")
}

fn note(notes: &mut Vec<String>, why: &str) -> String {
    let nth = notes.iter().position(|note| note == why).unwrap_or_else(|| {
        notes.push(why.to_owned());
        notes.len() - 1
    });
    format!("({})", nth + 1)
}

fn value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Nanoseconds if value >= 1e9 => format!("{} s", round(value / 1e9)),
        Unit::Nanoseconds if value >= 1e6 => format!("{} ms", round(value / 1e6)),
        Unit::Nanoseconds if value >= 1e3 => format!("{} µs", round(value / 1e3)),
        Unit::Nanoseconds => format!("{} ns", round(value)),
        Unit::Count => round(value),
        Unit::Times => format!("× {}", round(value)),
        Unit::Bytes => format!("{value:.0} B"),
    }
}

/// Three digits say enough.
fn round(value: f64) -> String {
    match value {
        v if v == 0.0 || v >= 99.5 => format!("{v:.0}"),
        v if v >= 9.95 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
