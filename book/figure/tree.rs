//! Supervision trees.

use super::canvas::{Canvas, Ink, LETTER, LINE, MARGIN};

/// How far a child stands to the right of its supervisor.
const INDENT: usize = 22;
/// The space between two trees.
const GAP: usize = 28;

struct Tree<'a> {
    title: Option<&'a str>,
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    depth: usize,
    name: &'a str,
    note: &'a str,
    ink: Ink,
}

pub(super) fn svg(text: &str) -> Result<String, String> {
    let trees = parse(text)?;
    let mut canvas = Canvas::default();
    let mut left = MARGIN;
    for tree in &trees {
        left += draw(tree, left, &mut canvas) + GAP;
    }
    Ok(canvas.finish())
}

fn parse(text: &str) -> Result<Vec<Tree<'_>>, String> {
    let mut trees = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(title) = line.strip_prefix("# ") {
            trees.push(Tree { title: Some(title), nodes: Vec::new() });
            continue;
        }
        if trees.is_empty() {
            trees.push(Tree { title: None, nodes: Vec::new() });
        }
        let nodes = &mut trees.last_mut().expect("there is one now").nodes;
        let node = Node::parse(line);
        let deepest = nodes.last().map_or(0, |above| above.depth + 1);
        if node.depth > deepest {
            return Err(format!("line {}: {:?} is indented by more than one level", index + 1, node.name));
        }
        nodes.push(node);
    }
    match trees.iter().all(|tree| tree.nodes.is_empty()) {
        true => Err("there is no process".to_owned()),
        false => Ok(trees),
    }
}

impl<'a> Node<'a> {
    fn parse(line: &'a str) -> Self {
        let entry = line.trim_start();
        let depth = (line.len() - entry.len()) / 2;
        let (ink, entry) = match (entry.strip_prefix("! "), entry.strip_prefix("+ ")) {
            (Some(entry), _) => (Ink::Ends, entry),
            (_, Some(entry)) => (Ink::New, entry),
            _ => (Ink::Plain, entry),
        };
        let (name, note) = entry.split_once("  ").unwrap_or((entry, ""));
        Node { depth, name: name.trim(), note: note.trim(), ink }
    }

    /// How wide its box is.
    fn width(&self) -> usize {
        (self.name.chars().count() + 2) * LETTER
    }
}

/// Draws one tree, and tells how wide it is.
fn draw(tree: &Tree<'_>, left: usize, canvas: &mut Canvas) -> usize {
    let mut top = MARGIN;
    let mut width = 0;
    if let Some(title) = tree.title {
        canvas.text(left, top + 14, Ink::Faint, title);
        width = title.chars().count() * LETTER;
        top += LINE + 4;
    }
    let column = tree.nodes.iter().map(|node| node.depth * INDENT + node.width()).max().unwrap_or(0) + LETTER;
    for (row, node) in tree.nodes.iter().enumerate() {
        let (x, y) = (left + node.depth * INDENT, top + row * LINE);
        canvas.frame((x, y), (node.width(), LINE - 6), node.ink);
        canvas.text(x + LETTER, y + 14, node.ink, node.name);
        if !node.note.is_empty() {
            let ink = if matches!(node.ink, Ink::Plain) { Ink::Faint } else { node.ink };
            canvas.text(left + column, y + 14, ink, node.note);
            width = width.max(column + node.note.chars().count() * LETTER);
        }
        if let Some(parent) = (0..row).rev().find(|above| tree.nodes[*above].depth < node.depth) {
            let trunk = x - INDENT + 10;
            let middle = y + 10;
            canvas.line((trunk, top + parent * LINE + LINE - 6), (trunk, middle), Ink::Faint);
            canvas.line((trunk, middle), (x, middle), Ink::Faint);
        }
    }
    width.max(column)
}
