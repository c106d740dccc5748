//! A supervision tree as it stands.

use std::pin::Pin;
use std::sync::Arc;

use proscenium::prelude::*;
use proscenium::{ChildKind, ChildState};

use crate::voice::{Colour, Voice};

/// A process and, if it is a supervisor, its children, the oldest first.
pub(crate) struct Node {
    /// Its id among its siblings.
    pub(crate) id: Arc<str>,
    pub(crate) pid: Pid,
    label: Option<Arc<str>>,
    children: Vec<Node>,
}

/// A look at a tree, which takes a while.
type Look<'a> = Pin<Box<dyn Future<Output = Result<Node, ExitReason>> + Send + 'a>>;

/// Looks at the tree below the supervisor that is registered as `id`, as all supervisors of this tree are.
///
/// # Errors
/// If a process is just being restarted.
pub(crate) fn look<'a>(system: &'a SystemHandle, id: &'a str) -> Look<'a> {
    Box::pin(async move {
        let supervisor = SupervisorRef::named(system, id);
        let pid = supervisor.pid().ok_or_else(|| missing(id))?;
        let mut node = Node::new(id, pid, system);
        // The youngest comes first.
        for child in supervisor.which_children().await?.into_iter().rev() {
            node.children.push(match (child.state, child.kind) {
                (ChildState::Running(_), ChildKind::Supervisor) => look(system, &child.id).await?,
                (ChildState::Running(pid), ChildKind::Worker) => Node::new(&child.id, pid, system),
                _ => return Err(missing(&child.id)),
            });
        }
        Ok(node)
    })
}

fn missing(id: &str) -> ExitReason {
    ExitReason::error(format!("{id} is not there"))
}

impl Node {
    fn new(id: &str, pid: Pid, system: &SystemHandle) -> Self {
        Node { id: id.into(), pid, label: system.process_info(pid).and_then(|info| info.label), children: Vec::new() }
    }

    /// This process and all below it, in the order in which they started.
    pub(crate) fn all(&self) -> Vec<&Node> {
        let below = self.children.iter().flat_map(Node::all);
        std::iter::once(self).chain(below).collect()
    }

    /// Who these are.
    pub(crate) fn pids(&self) -> Vec<Pid> {
        self.all().into_iter().map(|node| node.pid).collect()
    }

    /// How many these are.
    pub(crate) fn len(&self) -> usize {
        self.all().len()
    }

    /// Who was not there `before`.
    pub(crate) fn newcomers(&self, before: &Node) -> Vec<Pid> {
        let before = before.pids();
        self.pids().into_iter().filter(|pid| !before.contains(pid)).collect()
    }

    /// Draws the tree, and points at those that were not there `before`.
    pub(crate) fn draw(&self, before: &[Pid], voice: Voice) {
        self.draw_below("", "", before, voice);
    }

    /// `first` goes before its own line, `rest` before those of its children.
    fn draw_below(&self, first: &str, rest: &str, before: &[Pid], voice: Voice) {
        let name = format!("{first}{}", self.id);
        let pid = self.pid.to_string();
        let label = self.label.as_deref().unwrap_or_default();
        let mark = match before.contains(&self.pid) {
            true => String::new(),
            false => voice.paint(Colour::Green, " ← new"),
        };
        voice.say(format!("  {name:<24} {pid:<10} {label}{mark}").trim_end());
        for (index, child) in self.children.iter().enumerate() {
            let (branch, below) = match index + 1 == self.children.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            child.draw_below(&format!("{rest}{branch}"), &format!("{rest}{below}"), before, voice);
        }
    }
}
