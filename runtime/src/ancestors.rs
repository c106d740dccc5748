//! Where a process comes from: its parent, the parent's parent, and so on; OTP's `$ancestors`.
//!
//! Siblings share one list, so an idle process pays a pointer for it. It says what held when the process was spawned, and
//! keeps no ancestor in memory.

use std::fmt;
use std::iter;
use std::ops::Deref;
use std::sync::Arc;

use crate::pid::Pid;

/// How many are remembered. No tree is so high, but a process that spawns its successor and ends would add to the list for
/// ever.
const MOST: usize = 16;

/// Who a process comes from, the nearest first, as a slice of [`Ancestor`]; OTP's `$ancestors`.
///
/// It tells what held when the process was spawned, and of the nearest 16. Empty for what no process has spawned. Prints as
/// `till, shop, <0.1.1>`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::Context;
///
/// TestSystem::new(1).run(|mut ctx: Context<String>| async move {
///     ctx.register("shop").unwrap();
///     let home = ctx.address();
///     ctx.spawn(|ctx: Context<()>| async move {
///         assert_eq!(ctx.ancestors().parent(), ctx.parent());
///         home.cast(ctx.ancestors().to_string());
///     });
///     assert_eq!(ctx.receive_message().await, "shop");
/// });
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ancestors(Option<Arc<Box<[Ancestor]>>>);

/// One of a process's [`Ancestors`]; prints as its name or, if it had none, its pid.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let shop = ctx.pid();
///     ctx.spawn(move |mut ctx: Context<()>| async move {
///         ctx.register("till").unwrap();
///         let printer = ctx.spawn(move |ctx: Context<()>| async move {
///             let [till, above] = &ctx.ancestors()[..] else { unreachable!("it has two") };
///             assert_eq!(till.to_string(), "till");
///             assert_eq!((above.pid, &above.name), (shop, &None)); // It prints as its pid.
///         });
///         assert_eq!(printer.exited().await, ExitReason::Normal);
///     }).exited().await;
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ancestor {
    /// Who. It may have ended since.
    pub pid: Pid,
    /// The name that was registered for it when its child was spawned.
    pub name: Option<Arc<str>>,
}

impl Ancestors {
    /// The nearest: who started it; `None` if that was no process.
    pub fn parent(&self) -> Option<Pid> {
        self.first().map(|parent| parent.pid)
    }

    /// Those of a child of `parent`, whose own these are.
    fn of_child(&self, parent: Ancestor) -> Ancestors {
        Ancestors(Some(Arc::new(iter::once(parent).chain(self.iter().cloned()).take(MOST).collect())))
    }

    /// Makes `children`, the list that the children of `parent` share, tell of it under its present name. These are the
    /// parent's own.
    pub(crate) fn update(&self, children: &mut Ancestors, parent: Pid, name: Option<&Arc<str>>) {
        if children.first().is_none_or(|known| known.name.as_ref() != name) {
            *children = self.of_child(Ancestor { pid: parent, name: name.cloned() });
        }
    }
}

impl Deref for Ancestors {
    type Target = [Ancestor];

    fn deref(&self) -> &[Ancestor] {
        self.0.as_ref().map_or(&[], |list| list)
    }
}

impl fmt::Display for Ancestors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ancestor) in self.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{ancestor}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Ancestors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl fmt::Display for Ancestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.pid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child_of(own: &Ancestors, parent: u32, name: Option<&str>) -> Ancestors {
        let mut children = Ancestors::default();
        own.update(&mut children, Pid::new(parent, 1), name.map(Arc::from).as_ref());
        children
    }

    #[test]
    fn the_nearest_comes_first_by_its_name_if_it_has_one() {
        let shop = child_of(&Ancestors::default(), 1, None);
        let till = child_of(&shop, 2, Some("shop"));
        let drawer = child_of(&till, 3, Some("till"));
        assert_eq!(drawer.to_string(), "till, shop, <0.1.1>");
        assert_eq!(drawer.parent(), Some(Pid::new(3, 1)));
        assert_eq!((Ancestors::default().to_string(), Ancestors::default().parent()), (String::new(), None));
    }

    #[test]
    fn siblings_share_one_list_until_their_parent_changes_its_name() {
        let mut children = child_of(&Ancestors::default(), 1, Some("shop"));
        let share =
            |a: &Ancestors, b: &Ancestors| a.0.as_ref().zip(b.0.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        let first = children.clone();
        Ancestors::default().update(&mut children, Pid::new(1, 1), Some(&"shop".into()));
        assert!(share(&first, &children));
        Ancestors::default().update(&mut children, Pid::new(1, 1), None);
        assert_eq!((first.to_string(), children.to_string()), ("shop".into(), "<0.1.1>".into()));
    }

    #[test]
    fn an_endless_line_of_successors_is_remembered_in_part() {
        let last = (1..1000).fold(Ancestors::default(), |own, number| child_of(&own, number, None));
        assert_eq!(last.len(), MOST);
        assert_eq!((last[0].pid, last[MOST - 1].pid), (Pid::new(999, 1), Pid::new(1000 - MOST as u32, 1)));
    }
}
