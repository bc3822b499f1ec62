//! Slots with a maximum for all holders together, and one for each holder.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// The slots, with both maxima.
#[derive(Debug)]
pub struct HolderSlots {
    max_total: usize,
    max_per_holder: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of: HashMap<String, usize>,
}

/// The reason why no slot is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFreeSlot {
    /// All slots are taken.
    All,
    /// The holder has its maximum.
    One,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub struct HolderSlot {
    of: Arc<HolderSlots>,
    holder: String,
}

impl HolderSlots {
    /// Returns `most` slots, at most `most_of_one` for each holder.
    pub fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { max_total: most, max_per_holder: most_of_one, held: Mutex::default() })
    }

    /// Acquires a slot for a holder.
    ///
    /// # Errors
    /// [`NoFreeSlot`] if no slot is free for this holder.
    pub fn acquire(self: &Arc<Self>, holder: &str) -> Result<HolderSlot, NoFreeSlot> {
        let mut held = self.held.lock();
        if held.of.get(holder).is_some_and(|n| *n >= self.max_per_holder) {
            return Err(NoFreeSlot::One);
        }
        if held.all >= self.max_total {
            return Err(NoFreeSlot::All);
        }
        held.all += 1;
        *held.of.entry(holder.to_owned()).or_default() += 1;
        Ok(HolderSlot { of: Arc::clone(self), holder: holder.to_owned() })
    }
}

impl Drop for HolderSlot {
    fn drop(&mut self) {
        let mut held = self.of.held.lock();
        held.all -= 1;
        if let Some(n) = held.of.get_mut(&self.holder) {
            *n -= 1;
            if *n == 0 {
                held.of.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_cannot_take_all_slots() {
        let shares = HolderSlots::new(3, 2);
        let first = shares.acquire("ana").unwrap();
        let _second = shares.acquire("ana").unwrap();
        assert_eq!(shares.acquire("ana").unwrap_err(), NoFreeSlot::One);
        let _third = shares.acquire("bo").unwrap();
        assert_eq!(shares.acquire("cy").unwrap_err(), NoFreeSlot::All);
        drop(first);
        assert!(shares.acquire("ana").is_ok());
        assert_eq!(shares.held.lock().of.len(), 2);
    }
}
