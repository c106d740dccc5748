//! Texts of another OS process where Rust wants them to live for ever: names of types, modules, keys.
//!
//! They are few, since they stand in the other program's code. One that makes up ever new ones gets no more than so many.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

const MOST: usize = 16 * 1024;

/// What is given for a text that is one too many.
const TOO_MANY: &str = "?";

static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The same text, for ever.
pub fn intern(text: &str) -> &'static str {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(text) {
        return known;
    }
    if known.len() == MOST {
        return TOO_MANY;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(text);
    text
}
