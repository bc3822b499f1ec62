//! Latency and availability, computed from a history.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Action, Event, EventKind, Phase, ReadKind};

/// Measured values, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds all values of another sample.
    pub fn append(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }

    /// Returns the quantile `at` (from 0 to 1).
    pub fn quantile(&self, at: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * at).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Measurements of a round.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    /// Times from the request of a publish to each waiting reader, before the faults.
    pub healthy: Samples,
    /// Times from the request of a publish to each waiting reader, during the faults. Some waited for the healing.
    pub broken: Samples,
    /// Number of snapshot reads during the faults.
    pub requested: u64,
    /// Number of these reads that were answered within a second.
    pub answered: u64,
    /// Maximum age, in milliseconds, of an acknowledged newer release when a reader was shown an older one.
    pub stalest: f64,
}

impl Measures {
    /// Computes the measurements from a history.
    pub fn of(events: &[Event]) -> Self {
        let at = |wanted| {
            let mark = |e: &&Event| matches!(&e.what, EventKind::Harness { phase, .. } if *phase == wanted);
            events.iter().find(mark).map_or(u64::MAX, |event| event.at)
        };
        let (begins, healed) = (at(Phase::Begins), at(Phase::Healed));
        let mut measures = Self::default();
        measures.propagation(events, begins, healed);
        measures.availability(events, begins, healed);
        measures
    }

    fn propagation(&mut self, events: &[Event], begins: u64, healed: u64) {
        // The releases of a config that each waiting reader was shown, in order.
        let mut shown: HashMap<(&str, &str), Vec<(u64, u64)>> = HashMap::new();
        for event in events {
            if let EventKind::Seen { how: ReadKind::Poll | ReadKind::Stream, config, seq, .. } = &event.what {
                shown.entry((&event.client, config)).or_default().push((event.at, *seq));
            }
        }
        for (asked, config, seq) in publishes(events) {
            let into = if asked < begins { &mut self.healthy } else { &mut self.broken };
            if asked >= healed {
                continue;
            }
            for ((_, of), seen) in &shown {
                let first = seen.iter().find(|(at, number)| *at >= asked && *number >= seq);
                if let Some((at, _)) = first.filter(|_| *of == config) {
                    // A publish that began before the fault and arrived after its start is not counted as healthy.
                    if asked >= begins || *at < begins {
                        into.add((at - asked) as f64 / 1e3);
                    }
                }
            }
        }
    }

    fn availability(&mut self, events: &[Event], begins: u64, healed: u64) {
        let mut acknowledged: BTreeMap<(&str, u64), u64> = BTreeMap::new();
        for event in events {
            if let EventKind::Ok { releases, .. } = &event.what {
                for (config, seq) in releases {
                    acknowledged.entry((config, *seq)).or_insert(event.at);
                }
            }
        }
        for event in events.iter().filter(|event| (begins..healed).contains(&event.at)) {
            match &event.what {
                EventKind::Missed { .. } => self.requested += 1,
                EventKind::Seen { how: ReadKind::Snapshot, config, seq, .. } => {
                    self.requested += 1;
                    self.answered += 1;
                    let newer = acknowledged.range((&**config, seq + 1)..=(&**config, u64::MAX));
                    if let Some(since) = newer.map(|(_, at)| *at).min() {
                        self.stalest = self.stalest.max(event.at.saturating_sub(since) as f64 / 1e3);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Returns request time, config and number of each release that was published in one attempt.
fn publishes(events: &[Event]) -> Vec<(u64, &str, u64)> {
    let (mut asked, mut found): (HashMap<u64, (u64, u32)>, _) = (HashMap::new(), Vec::new());
    for event in events {
        match &event.what {
            EventKind::Invoke { op, action: Action::Publish, .. } => {
                asked.entry(*op).or_insert((event.at, 0)).1 += 1;
            }
            EventKind::Ok { op, releases, .. } => {
                if let Some((at, 1)) = asked.get(op) {
                    found.extend(releases.iter().map(|(config, seq)| (*at, &**config, *seq)));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: u64, client: &str, what: EventKind) -> Event {
        Event { at: at * 1000, client: client.into(), node: String::new(), what }
    }

    fn publish(at: u64, seq: u64) -> [Event; 2] {
        let (message, action) = (String::new(), Action::Publish);
        let asked = EventKind::Invoke { op: seq, attempt: 0, action, message, edits: Vec::new(), base: None };
        let told = EventKind::Ok { op: seq, releases: vec![("c".into(), seq)], delivered: true };
        [event(at, "p", asked), event(at + 2, "p", told)]
    }

    fn seen(at: u64, how: ReadKind, seq: u64) -> Event {
        event(at, "r", EventKind::Seen { how, config: "c".into(), seq, sha256: String::new() })
    }

    #[test]
    fn times_before_and_during_faults_are_separate() {
        let mark = |at, phase| event(at, "harness", EventKind::Harness { name: String::new(), phase });
        let mut events: Vec<Event> = publish(10, 1).into();
        events.extend([seen(15, ReadKind::Stream, 1), mark(20, Phase::Begins)]);
        events.extend(publish(30, 2));
        events.extend([
            seen(50, ReadKind::Snapshot, 1),
            event(60, "r", EventKind::Missed { config: "c".into(), why: "x".into() }),
        ]);
        events.extend([mark(90, Phase::Healed), seen(100, ReadKind::Stream, 2)]);
        let measures = Measures::of(&events);
        assert_eq!(measures.healthy.0, [5.0]);
        assert_eq!(measures.broken.0, [70.0]);
        assert_eq!((measures.requested, measures.answered, measures.stalest), (2, 1, 18.0));
    }
}
