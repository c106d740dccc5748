//! A hash of numbers that nobody can choose, such as pids: they need not be hashed with a secret, which costs ten times this.

use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type HashNumbers = BuildHasherDefault<NumberHasher>;

#[derive(Default)]
pub(crate) struct NumberHasher(u64);

/// An odd number without a pattern: two to the 64th, divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(SPREAD);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(SPREAD);
    }

    fn finish(&self) -> u64 {
        // An index looks at the upper end, a `HashMap` at both; what a product mixes goes to its upper end.
        let mixed = (self.0 ^ self.0 >> 32).wrapping_mul(SPREAD);
        mixed ^ mixed >> 32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn numbers_in_a_row_and_every_sixteenth_are_spread_at_both_ends() {
        const COUNT: u64 = 4096;
        for step in [1, 16] {
            let hashes = (1..=COUNT).map(|number| HashNumbers::default().hash_one(number * step));
            let (lower, upper): (BTreeSet<u64>, BTreeSet<u64>) =
                hashes.map(|hash| (hash % COUNT, hash >> (u64::BITS - COUNT.ilog2()))).unzip();
            // Of places into which as many are thrown at random, 63 in a hundred have one.
            assert!(lower.len() > 2400 && upper.len() > 2400, "{} and {} places", lower.len(), upper.len());
        }
    }
}
