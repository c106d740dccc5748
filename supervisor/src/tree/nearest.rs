//! Which of the known names was meant.

/// The known name that is most like `name`, unless none is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let likeness = known.map(|candidate| (distance(name, candidate), candidate));
    let (distance, candidate) = likeness.min()?;
    let limit = name.chars().count().max(candidate.chars().count()).div_ceil(3);
    (distance <= limit).then(|| candidate.to_owned())
}

/// How many letters must be inserted, deleted, replaced, or swapped with their neighbour, to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_are_missing_wrong_or_swapped_are_forgiven() {
        let known = || ["restart", "shutdown", "significant"].into_iter();
        assert_eq!(nearest("restrat", known()).as_deref(), Some("restart"));
        assert_eq!(nearest("shut_down", known()).as_deref(), Some("shutdown"));
        assert_eq!(nearest("significnt", known()).as_deref(), Some("significant"));
    }

    #[test]
    fn what_is_like_nothing_gets_no_suggestion() {
        assert_eq!(nearest("colour", ["restart", "id"].into_iter()), None);
        assert_eq!(nearest("restart", [].into_iter()), None);
    }

    #[test]
    fn a_swap_counts_one() {
        assert_eq!((distance("ab", "ba"), distance("", "abc"), distance("till", "tills")), (1, 3, 1));
    }
}
