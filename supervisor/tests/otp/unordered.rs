//! What of a trace depends on who runs when.

use super::runner::sort_stops;

/// The trace of `scenario` without the order in which processes stop in a step that kills a supervisor: whom it leaves behind
/// stops beside whatever the killed one's own supervisor does.
pub(crate) fn unordered(scenario: &str, trace: &str) -> String {
    let supervisors: Vec<&str> = scenario.lines().filter_map(declared_supervisor).collect();
    let kills = |line: &str| line.strip_prefix("> kill ").is_some_and(|id| supervisors.contains(&id));
    let mut lines: Vec<String> = trace.lines().map(str::to_owned).collect();
    for step in lines.chunk_by_mut(|_, next| !next.starts_with("> ")) {
        if let [command, events @ ..] = step
            && kills(command)
        {
            let count =
                events.iter().take_while(|line| line.starts_with("start ") || line.starts_with("stop ")).count();
            sort_stops(&mut events[..count]);
        }
    }
    lines.join("\n")
}

/// The supervisor that a line of a scenario declares, if any.
fn declared_supervisor(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    match words.next()? {
        "sup" => words.next(),
        "sup_in" | "pool" => words.nth(1),
        _ => None,
    }
}
