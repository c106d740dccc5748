//! In which order applications start; pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::ApplicationError;
use crate::tree::nearest::nearest;

/// What an application needs of others.
pub(crate) trait Needs {
    /// Those that must run before it starts.
    fn depends_on(&self) -> &[Arc<str>];

    /// Those that must have started before it, if they are there at all.
    fn optionally(&self) -> &[Arc<str>];
}

/// `wanted` and all they depend on, each behind what it needs, and otherwise in the order of `wanted`.
pub(crate) fn start_order<N: Needs>(
    all: &BTreeMap<Arc<str>, N>,
    wanted: impl IntoIterator<Item = Arc<str>>,
) -> Result<Vec<Arc<str>>, ApplicationError> {
    let mut walk = Walk { all, order: Vec::new(), open: Vec::new() };
    for name in wanted {
        walk.visit(&name, None)?;
    }
    Ok(walk.order)
}

struct Walk<'a, N> {
    all: &'a BTreeMap<Arc<str>, N>,
    order: Vec<Arc<str>>,
    /// Those on the way, each needed by the one before.
    open: Vec<Arc<str>>,
}

impl<N: Needs> Walk<'_, N> {
    fn visit(&mut self, name: &Arc<str>, needed_by: Option<&Arc<str>>) -> Result<(), ApplicationError> {
        if let Some(start) = self.open.iter().position(|open| open == name) {
            let mut circle = self.open[start..].to_vec();
            circle.push(name.clone());
            return Err(ApplicationError::Circle { circle });
        }
        if self.order.contains(name) {
            return Ok(());
        }
        let Some(application) = self.all.get(name) else {
            let nearest = nearest(name, self.all.keys().map(|known| &**known));
            return Err(ApplicationError::Unknown { name: name.clone(), needed_by: needed_by.cloned(), nearest });
        };
        self.open.push(name.clone());
        let optional = application.optionally().iter().filter(|optional| self.all.contains_key(*optional));
        for needed in application.depends_on().iter().chain(optional) {
            self.visit(needed, Some(name))?;
        }
        self.open.pop();
        self.order.push(name.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct App {
        depends_on: Vec<Arc<str>>,
        optionally: Vec<Arc<str>>,
    }

    impl Needs for App {
        fn depends_on(&self) -> &[Arc<str>] {
            &self.depends_on
        }

        fn optionally(&self) -> &[Arc<str>] {
            &self.optionally
        }
    }

    /// Applications such as `shop: stock clock? | stock:`, and the order in which those that are wanted start.
    fn order(applications: &str, wanted: &str) -> String {
        let mut all = BTreeMap::new();
        for application in applications.split('|') {
            let (name, needs) = application.split_once(':').unwrap();
            let (optionally, depends_on): (Vec<_>, Vec<_>) =
                needs.split_whitespace().partition(|need| need.ends_with('?'));
            let names = |needs: Vec<&str>| needs.iter().map(|need| need.trim_end_matches('?').into()).collect();
            all.insert(name.trim().into(), App { depends_on: names(depends_on), optionally: names(optionally) });
        }
        match start_order(&all, wanted.split_whitespace().map(Arc::from)) {
            Ok(order) => order.join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_an_application_needs_starts_before_it_and_only_that() {
        assert_eq!(order("a: b c | b: d | c: d | d: | e:", "a"), "d b c a");
        assert_eq!(order("a: | b: | c:", "c a"), "c a");
    }

    #[test]
    fn what_is_optional_may_be_missing_and_comes_first_if_it_is_not() {
        assert_eq!(order("a: b? c? | c:", "a"), "c a");
        assert_eq!(order("a: b?", "a"), "a");
    }

    #[test]
    fn a_circle_is_told_whole() {
        assert_eq!(order("a: b | b: c | c: b?", "a"), r#"applications depend on each other: "b" -> "c" -> "b""#);
        assert_eq!(order("a: a", "a"), r#"applications depend on each other: "a" -> "a""#);
    }

    #[test]
    fn one_that_is_not_there_is_told_with_who_needs_it_and_what_was_meant() {
        assert_eq!(
            order("shop: stok | stock:", "shop"),
            r#""shop" depends on "stok", which is not there, did you mean `stock`?"#
        );
        assert_eq!(order("shop:", "stock"), r#"there is no application "stock""#);
    }
}
