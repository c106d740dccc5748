//! What a child is called among its siblings. An id as short as most are takes no allocation of its own.

use std::fmt;
use std::ops::Deref;
use std::str;
use std::sync::Arc;

/// So many bytes lie where the id does.
const SHORT: usize = 14;

/// The id of a child, in two words.
#[derive(Clone)]
pub(crate) enum ChildId {
    Short { len: u8, bytes: [u8; SHORT] },
    // Behind a pointer of one word.
    Long(Arc<Box<str>>),
}

impl ChildId {
    /// As what is told to others has it.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        Arc::from(&**self)
    }
}

impl From<&str> for ChildId {
    fn from(id: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..id.len()) {
            Some(place) => {
                place.copy_from_slice(id.as_bytes());
                ChildId::Short { len: id.len() as u8, bytes }
            }
            None => ChildId::Long(Arc::new(id.into())),
        }
    }
}

impl Deref for ChildId {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            ChildId::Short { len, bytes } => {
                str::from_utf8(&bytes[..usize::from(*len)]).expect("it was made of a whole text")
            }
            ChildId::Long(id) => id,
        }
    }
}

impl fmt::Debug for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_was_given_however_long_it_is() {
        for len in 0..=3 * SHORT {
            for letter in ["i", "é", "漢"] {
                let text = letter.repeat(len);
                let id = ChildId::from(&*text);
                assert_eq!((&*id, &*id.clone(), &*id.to_shared()), (&*text, &*text, &*text));
                assert_eq!(format!("{id:?}"), format!("{text:?}"));
                assert_eq!(matches!(id, ChildId::Short { .. }), text.len() <= SHORT);
            }
        }
        assert_eq!(size_of::<ChildId>(), 16);
    }
}
