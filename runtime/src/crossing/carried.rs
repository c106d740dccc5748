//! What is on its way through this thread's hands.
//!
//! serde gives those who serialize a reply or an address nothing but the serializer. Which border it crosses, they find here.

use std::cell::RefCell;
use std::sync::Arc;

use super::border::Border;
use super::frame::Carried;

thread_local! {
    static CROSSING: RefCell<Option<Crossing>> = const { RefCell::new(None) };
}

/// Something is encoded, or decoded, for a border.
pub(super) struct Crossing {
    pub(super) border: Arc<Border>,
    pub(super) way: Way,
    /// What it carries; decoded, what nobody has claimed yet.
    pub(super) carried: Vec<Option<Carried>>,
    /// Why it cannot cross; postcard keeps no texts.
    pub(super) fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Out,
    /// In, for the address of that number, if it is a message.
    In {
        to: Option<u64>,
    },
}

impl Crossing {
    pub(super) fn new(border: &Arc<Border>, way: Way, carried: Vec<Carried>) -> Self {
        Crossing { border: border.clone(), way, carried: carried.into_iter().map(Some).collect(), fault: None }
    }

    /// Runs `code`, in which things cross, and returns what it was with its result.
    pub(super) fn run<T>(self, code: impl FnOnce() -> T) -> (T, Self) {
        let outer = Outer(CROSSING.replace(Some(self)));
        let result = code();
        let this = CROSSING.take().expect("what runs within puts back what it replaces");
        drop(outer);
        (result, this)
    }
}

/// What crossed on this thread before, also after a panic.
struct Outer(Option<Crossing>);

impl Drop for Outer {
    fn drop(&mut self) {
        CROSSING.set(self.0.take());
    }
}

/// The border that is crossed on this thread, and which way.
pub(super) fn current() -> Option<(Arc<Border>, Way)> {
    CROSSING.with_borrow(|crossing| crossing.as_ref().map(|crossing| (crossing.border.clone(), crossing.way)))
}

/// What goes out carries this too; returns its place.
pub(super) fn carry(carried: Carried) -> u32 {
    CROSSING.with_borrow_mut(|crossing| {
        let list = &mut crossing.as_mut().expect("something crosses").carried;
        list.push(Some(carried));
        u32::try_from(list.len() - 1).expect("a frame has fewer bytes")
    })
}

/// Takes what is carried at that place, once.
pub(super) fn claim(place: u32) -> Option<Carried> {
    CROSSING.with_borrow_mut(|crossing| crossing.as_mut()?.carried.get_mut(place as usize)?.take())
}

/// Says why something cannot cross.
pub(super) fn fault(text: &str) {
    CROSSING.with_borrow_mut(|crossing| {
        if let Some(crossing) = crossing {
            crossing.fault.get_or_insert_with(|| text.to_owned());
        }
    });
}
