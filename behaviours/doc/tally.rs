// The state of a loop of one's own, for the examples of what such a loop does.

use std::any::{Any, type_name};
use std::fmt;

use proscenium_behaviours::Subject;

pub struct Tally(pub u32);

impl Subject for Tally {
    fn behaviour(&self) -> &'static str {
        "tally"
    }

    fn state(&mut self) -> &mut dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        type_name::<Self>()
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} strokes", self.0)
    }
}
