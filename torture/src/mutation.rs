//! Protections of Trimtab that the harness takes away, so that the checker is seen to find their absence. The program
//! under test stays the release build.

use crate::process::Result;

/// A protection that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// etcd applies deliveries without their compares: a lost lock and a later release refuse nothing.
    WithoutFence,
    /// The outbox is empty as soon as a publish commits.
    WithoutOutbox,
}

impl Mutation {
    /// Parses the argument `without=`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "fence" => Ok(Self::WithoutFence),
            "outbox" => Ok(Self::WithoutOutbox),
            _ => Err(format!("{name:?} is neither fence nor outbox").into()),
        }
    }

    /// Returns the rule of the checker that has to find it.
    pub fn rule(self) -> char {
        match self {
            Self::WithoutFence => 'b',
            // The reconciler delivers the releases after up to 30 s, which is too late.
            Self::WithoutOutbox => 'd',
        }
    }
}

/// Removes the outbox row of each release in the publish's own transaction. A publish inserts the row before it updates
/// its config.
pub const EMPTY_OUTBOX: &str = "create trigger empty_outbox after update on configs for each row delete from due \
     where env = new.env and app = new.app and namespace = new.namespace and seq = new.live";

/// Hides the compares in a transaction to etcd. Each gets a field number that `TxnRequest` does not have, so etcd skips
/// it. All lengths stay the same.
pub fn strip_compares(request: &mut [u8]) {
    const COMPARES: u8 = 0x0a; // field 1 of TxnRequest, with a length
    const UNKNOWN: u8 = 0x7a; // field 15, with a length
    for at in 0..request.len() {
        // In Compare, field 2 is the target: the create revision (1) or the mod revision (2). Field 3 is the key.
        if let [COMPARES, _, 0x10, 1 | 2, 0x1a, _, key @ ..] = &request[at..]
            && key.starts_with(b"trimtab/")
        {
            request[at] = UNKNOWN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_compares_are_hidden_and_nothing_else() {
        let lock = b"\x0a\x14\x10\x01\x1a\x0etrimtab/locks/\x28\x05";
        let meta = b"\x0a\x13\x10\x02\x1a\x0dtrimtab/meta/\x30\x07";
        let put = b"\x12\x14\x12\x12\x0a\x0dtrimtab/meta/\x12\x01x";
        let mut request = [lock.as_slice(), meta, put].concat();
        strip_compares(&mut request);
        let mut hidden = [lock.as_slice(), meta, put].concat();
        hidden[0] = 0x7a;
        hidden[lock.len()] = 0x7a;
        assert_eq!(request, hidden);
    }
}
