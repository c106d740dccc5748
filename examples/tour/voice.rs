//! How the tour speaks: plainly, and in colour where somebody can see it.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal};

#[derive(Clone, Copy)]
pub(crate) struct Voice {
    in_colour: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

impl Voice {
    /// In colour if standard output is a terminal, unless `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Voice { in_colour: io::stdout().is_terminal() && !refused }
    }

    /// A new scene.
    pub(crate) fn scene(self, title: &str) {
        println!("\n{}", self.paint(Colour::Cyan, title));
    }

    /// What happens, and why.
    pub(crate) fn say(self, text: impl Display) {
        println!("  {text}");
    }

    /// What a client asks and what it is answered.
    pub(crate) fn dialogue(self, command: &str, reply: &str) {
        println!("    > {command}\n    {}", self.paint(Colour::Green, reply));
    }

    /// A report's field.
    pub(crate) fn field(self, name: &str, value: impl Display) {
        println!("    {} {value}", self.paint(Colour::Yellow, format_args!("{name:<12}")));
    }

    pub(crate) fn paint(self, colour: Colour, text: impl Display) -> String {
        if self.in_colour { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.to_string() }
    }
}
