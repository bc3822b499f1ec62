//! Places that are shared: a bound for all together, and one for each holder.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

/// Places of which all holders together, and each of them, have a maximum.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    most_of_one: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of: HashMap<String, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All places are taken.
    All,
    /// The holder has as many as one may have.
    One,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    holder: String,
}

impl Shares {
    /// `most` places, `most_of_one` for each holder.
    #[must_use]
    pub fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_one, held: Mutex::default() })
    }

    /// Acquires a place for a holder.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(self: &Arc<Self>, holder: &str) -> Result<Share, Full> {
        let mut held = self.held();
        if held.of.get(holder).is_some_and(|n| *n >= self.most_of_one) {
            return Err(Full::One);
        }
        if held.all >= self.most {
            return Err(Full::All);
        }
        held.all += 1;
        *held.of.entry(holder.to_owned()).or_default() += 1;
        Ok(Share { of: Arc::clone(self), holder: holder.to_owned() })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held();
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
    fn one_holder_leaves_places_to_the_others() {
        let shares = Shares::new(3, 2);
        let first = shares.take("ana").unwrap();
        let _second = shares.take("ana").unwrap();
        assert_eq!(shares.take("ana").unwrap_err(), Full::One);
        let _third = shares.take("bo").unwrap();
        assert_eq!(shares.take("cy").unwrap_err(), Full::All);
        drop(first);
        assert!(shares.take("ana").is_ok());
        assert_eq!(shares.held().of.len(), 2);
    }
}
