//! Pseudorandom numbers from a seed. They never change, because no library is used.

use std::time::Duration;

/// SplitMix64 generator.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Returns the generator of a seed for one user. Each user has its own sequence, independent of the others.
    pub fn new(seed: u64, who: &str) -> Self {
        let mixed = who.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mixed)
    }

    /// Returns any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// Returns true with the probability 1 / `throws`.
    pub fn once_in(&mut self, throws: usize) -> bool {
        self.below(throws) == 0
    }

    /// Returns a duration in milliseconds from `from` to below `to`.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.number() % (to - from).max(1))
    }

    /// Returns one of these items.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_depend_only_on_seed_and_user() {
        let throw = |seed, who| Dice::new(seed, who).number();
        assert_eq!(throw(7, "plan"), throw(7, "plan"));
        assert_ne!(throw(7, "plan"), throw(8, "plan"));
        assert_ne!(throw(7, "plan"), throw(7, "publisher"));
    }
}
