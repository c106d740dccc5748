//! Who says what to whom, from top to bottom.

use super::canvas::{Canvas, Ink, LETTER, LINE, MARGIN};

struct Step<'a> {
    from: usize,
    to: usize,
    what: &'a str,
}

pub(super) fn svg(text: &str) -> Result<String, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, head) = lines.next().ok_or("there is no participant")?;
    let names: Vec<&str> = head.split(',').map(str::trim).collect();
    let steps = lines
        .map(|(index, line)| step(line, &names).map_err(|error| format!("line {}: {error}", index + 1)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(draw(&names, &steps))
}

fn step<'a>(line: &'a str, names: &[&str]) -> Result<Step<'a>, String> {
    let (who, what) = line.split_once(": ").ok_or("neither `a -> b: what` nor `a: what`")?;
    let (from, to) = who.split_once("->").unwrap_or((who, who));
    let find = |name: &str| {
        let there = names.iter().position(|known| *known == name.trim());
        there.ok_or_else(|| format!("there is no participant {:?}", name.trim()))
    };
    Ok(Step { from: find(from)?, to: find(to)?, what })
}

fn draw(names: &[&str], steps: &[Step<'_>]) -> String {
    let columns = columns(names, steps);
    let foot = MARGIN + (2 * steps.len() + 1) * LINE;
    let mut canvas = Canvas::default();
    for (name, &x) in names.iter().zip(&columns) {
        let width = (name.chars().count() + 2) * LETTER;
        canvas.frame((x - width / 2, MARGIN), (width, LINE - 4), Ink::Plain);
        canvas.text(x - width / 2 + LETTER, MARGIN + 15, Ink::Plain, name);
        canvas.line((x, MARGIN + LINE - 4), (x, foot), Ink::Faint);
    }
    for (row, step) in steps.iter().enumerate() {
        let y = MARGIN + (2 * row + 2) * LINE;
        let (from, to) = (columns[step.from], columns[step.to]);
        if step.from == step.to {
            canvas.frame((from - 3, y - 14), (6, 18), Ink::Plain);
            canvas.text(from + 10, y, Ink::Plain, step.what);
        } else {
            let width = step.what.chars().count() * LETTER;
            canvas.text((from + to - width) / 2, y - 6, Ink::Plain, step.what);
            canvas.arrow((from, y), (to, y), Ink::Plain);
        }
    }
    canvas.finish()
}

/// Where each participant stands: far enough from the one before for all that is written between them.
fn columns(names: &[&str], steps: &[Step<'_>]) -> Vec<usize> {
    let half = |name: &str| (name.chars().count() / 2 + 2) * LETTER;
    let mut columns = vec![MARGIN + half(names[0])];
    for right in 1..names.len() {
        let beside_names = half(names[right - 1]) + half(names[right]);
        let mut x = columns[right - 1] + beside_names;
        for step in steps {
            let (first, last) = (step.from.min(step.to), step.from.max(step.to));
            let room = (step.what.chars().count() + 3) * LETTER;
            match (first, last) {
                // A word at one place must not run into the next line; the last may run on.
                (first, last) if first == last && last + 1 == right => x = x.max(columns[first] + room),
                (first, last) if first < last && last == right => x = x.max(columns[first] + room),
                _ => {}
            }
        }
        columns.push(x);
    }
    columns
}
