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
        // Who uses it looks at either end: what has come last is not mixed into all of it yet.
        (self.0 ^ self.0 >> 32).wrapping_mul(SPREAD)
    }
}
