//! Reads and instances of the last 24 hours on this node, in memory.
//!
//! A read adds one to the counter of its config ([`super::snapshot`]). A background task ([`super::sampler`]) takes the
//! counters each minute, and samples the instances. A read is an answer with a release, an answer that the client has
//! it already (also at the end of a long poll), or an event of a stream. An answer for an application is a read of each
//! config.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{instances::InstanceSample, snapshot::Snapshot};
use crate::domain::{
    names::{AppName, ConfigId, EnvName},
    time::Time,
};

/// Duration of a bucket in milliseconds.
pub const BUCKET_MS: i64 = 5 * 60_000;
/// Number of buckets: 24 hours.
pub const BUCKETS: usize = 288;
/// Maximum number of configs. Each takes 3 KiB. Further ones are left out until others have no reads for 24 hours.
const MAX_CONFIGS: usize = 4096;
/// Maximum number of releases of a config.
const MAX_RELEASES: usize = 32;
/// Minimum duration for a rate: a sample right after the start tells little.
const MIN_COVERED_MS: u64 = 20_000;

/// Reads and instances of the last 24 hours, by config.
#[derive(Debug)]
pub struct ReadHistory(Mutex<Rings>);

/// The values that a page draws, of one or many configs, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Time of the first sample: the start of this node, or 24 hours ago.
    pub since: Time,
    /// Start of the last bucket.
    pub last: Time,
    /// Reads per minute, for each bucket. `None` without a sample.
    pub reads: Vec<Option<u32>>,
    /// Number of instances, for each bucket. An application counts in each environment with its most read config.
    pub instances: Vec<Option<u32>>,
    /// Releases that instances got while they were live, the oldest first.
    pub releases: Vec<SeenRelease>,
}

/// The time that a release took to its readers. Instances that started with it do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenRelease {
    /// Its number.
    pub seq: u64,
    /// Time when it was accepted.
    pub accepted_at: Time,
    /// Milliseconds until all instances had it, so far.
    pub all_ms: i64,
    /// Number of instances.
    pub instances: usize,
}

#[derive(Debug)]
struct Rings {
    started_at: Time,
    sampled_at: Time,
    /// Number of the current bucket since 1970. Its place in each ring is the remainder.
    current: i64,
    /// Milliseconds of each bucket for which there are samples.
    covered_ms: Box<[u32; BUCKETS]>,
    configs: HashMap<ConfigId, ConfigRings>,
}

#[derive(Debug)]
struct ConfigRings {
    /// Reads in each bucket.
    reads: Box<[u32; BUCKETS]>,
    /// Instances at the last sample of each bucket.
    instances: Box<[u32; BUCKETS]>,
    releases: VecDeque<SeenRelease>,
}

impl Default for ConfigRings {
    fn default() -> Self {
        Self { reads: Box::new([0; BUCKETS]), instances: Box::new([0; BUCKETS]), releases: VecDeque::new() }
    }
}

impl ConfigRings {
    fn is_empty(&self) -> bool {
        self.reads.iter().chain(self.instances.iter()).all(|n| *n == 0)
    }
}

impl ReadHistory {
    /// Returns a history that begins now.
    pub fn new(now: Time) -> Self {
        Self(Mutex::new(Rings {
            started_at: now,
            sampled_at: now,
            current: now.0.div_euclid(BUCKET_MS),
            covered_ms: Box::new([0; BUCKETS]),
            configs: HashMap::new(),
        }))
    }

    /// Moves the counters of all configs into the rings, and keeps the sample of the instances.
    pub(super) fn sample(&self, live: &[Arc<Snapshot>], mut instances: HashMap<Box<str>, InstanceSample>, now: Time) {
        let mut rings = self.0.lock();
        rings.advance(now);
        for snapshot in live {
            let reads = snapshot.reads.take();
            let sample = match instances.is_empty() {
                true => None,
                false => instances.remove(&*snapshot.entry.config.to_string()),
            };
            if reads > 0 || sample.is_some() {
                rings.add(snapshot, reads, sample.unwrap_or_default());
            }
        }
    }

    /// Returns the values of the configs that `shows` accepts.
    pub fn picture(&self, shows: impl Fn(&ConfigId) -> bool) -> Picture {
        let rings = self.0.lock();
        let configs: Vec<_> = rings.configs.iter().filter(|(config, _)| shows(config)).collect();
        let places: Vec<usize> = (0..BUCKETS).map(|n| rings.place(n)).collect();
        let covered = |at: usize| u64::from(rings.covered_ms[at]);
        let reads = places.iter().enumerate().map(|(n, at)| {
            let sum: u64 = configs.iter().map(|(_, of)| u64::from(of.reads[*at])).sum();
            let is_short = covered(*at) == 0 || (covered(*at) < MIN_COVERED_MS && n + 1 == BUCKETS);
            (!is_short).then(|| narrow((sum * 60_000 + covered(*at) / 2) / covered(*at)))
        });
        let mut apps: BTreeMap<(&EnvName, &AppName), Vec<&ConfigRings>> = BTreeMap::new();
        for (config, of) in &configs {
            apps.entry((&config.env, &config.app)).or_default().push(of);
        }
        let instances = places.iter().map(|at| {
            let most = |of: &Vec<&ConfigRings>| of.iter().map(|of| u64::from(of.instances[*at])).max().unwrap_or(0);
            (covered(*at) > 0).then(|| narrow(apps.values().map(most).sum()))
        });
        let (reads, instances) = (reads.collect(), instances.collect());
        let first = Time((rings.current + 1) * BUCKET_MS).plus_ms(-BUCKET_MS * 288);
        let since = Time(rings.started_at.0.max(first.0));
        let mut releases: Vec<SeenRelease> = configs.iter().flat_map(|(_, of)| of.releases.iter().copied()).collect();
        releases.retain(|release| release.accepted_at.0 >= since.0);
        releases.sort_by_key(|release| (release.accepted_at, release.seq));
        Picture { since, last: Time(rings.current * BUCKET_MS), reads, instances, releases }
    }
}

impl Picture {
    /// Returns whether nothing has read in this time.
    pub fn is_empty(&self) -> bool {
        self.reads.iter().chain(&self.instances).all(|n| n.unwrap_or(0) == 0)
    }

    /// Returns whether it has all 24 hours.
    pub fn is_whole(&self) -> bool {
        self.since <= self.time_of(0)
    }

    /// Returns the time of a bucket.
    pub fn time_of(&self, bucket: usize) -> Time {
        let back = i64::try_from(BUCKETS.saturating_sub(1 + bucket)).unwrap_or(0);
        self.last.plus_ms(-back * BUCKET_MS)
    }
}

impl Rings {
    /// Returns the place in the rings of the bucket `n`, counted from the oldest.
    fn place(&self, n: usize) -> usize {
        let place = (self.current + 1).rem_euclid(BUCKETS as i64) + n as i64;
        usize::try_from(place).unwrap_or(0) % BUCKETS
    }

    /// Moves on to the bucket of this time, and empties those between.
    fn advance(&mut self, now: Time) {
        let bucket = now.0.div_euclid(BUCKET_MS);
        // The clock may have been set back. Then the current bucket grows until it has caught up.
        let passed = usize::try_from(bucket - self.current).unwrap_or(0).min(BUCKETS);
        if passed > 0 {
            self.current = bucket;
            for at in (BUCKETS - passed..BUCKETS).map(|n| self.place(n)).collect::<Vec<_>>() {
                self.covered_ms[at] = 0;
                for of in self.configs.values_mut() {
                    (of.reads[at], of.instances[at]) = (0, 0);
                }
            }
            self.configs.retain(|_, of| !of.is_empty());
        }
        let at = self.place(BUCKETS - 1);
        // After a pause of the process, the counts are those of the whole pause.
        let elapsed = u32::try_from(now.ms_since(self.sampled_at).max(1)).unwrap_or(u32::MAX);
        self.covered_ms[at] = self.covered_ms[at].saturating_add(elapsed);
        self.sampled_at = now;
    }

    fn add(&mut self, snapshot: &Snapshot, reads: u32, sample: InstanceSample) {
        let (config, meta, at) = (&snapshot.entry.config, &snapshot.entry.meta, self.place(BUCKETS - 1));
        if self.configs.len() >= MAX_CONFIGS && !self.configs.contains_key(config) {
            return;
        }
        let of = self.configs.entry(config.clone()).or_default();
        of.reads[at] = of.reads[at].saturating_add(reads);
        of.instances[at] = sample.instances;
        let got = sample.updated.iter().filter(|(release, _)| *release == meta.seq);
        let took: Vec<i64> = got.map(|(_, at)| at.ms_since(meta.published_at).max(0)).collect();
        let Some(all_ms) = took.iter().max().copied() else { return };
        let (seq, accepted_at) = (meta.seq, meta.published_at);
        let seen = SeenRelease { seq, accepted_at, all_ms, instances: took.len() };
        match of.releases.iter_mut().find(|release| release.seq == seq) {
            // Instances that are gone since then keep their part in it.
            Some(known) if known.instances > seen.instances => {}
            Some(known) => *known = seen,
            None => {
                if of.releases.len() >= MAX_RELEASES {
                    of.releases.pop_front();
                }
                of.releases.push_back(seen);
            }
        }
    }
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::entry, *};

    const START: i64 = 1_795_365_000_000;
    const MINUTE: i64 = 60_000;

    fn config(name: &str) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(entry(name, 7, "{}")).unwrap())
    }

    fn read(snapshot: &Snapshot, times: u32) {
        (0..times).for_each(|_| snapshot.reads.count());
    }

    fn instances(of: &[(&str, u32)]) -> HashMap<Box<str>, InstanceSample> {
        let sample = |instances| InstanceSample { instances, updated: Vec::new() };
        of.iter().map(|(config, n)| ((*config).into(), sample(*n))).collect()
    }

    /// Returns the last values of a picture.
    fn end(values: &[Option<u32>], n: usize) -> &[Option<u32>] {
        &values[BUCKETS - n..]
    }

    #[test]
    fn reads_per_minute_are_kept_for_24_hours() {
        let (history, shop) = (ReadHistory::new(Time(START)), config("prod/shop/a"));
        let sample = |minute: i64| {
            history.sample(std::slice::from_ref(&shop), HashMap::new(), Time(START + minute * MINUTE));
            history.picture(|_| true)
        };
        read(&shop, 30);
        let picture = sample(1);
        assert_eq!(end(&picture.reads, 2), [None, Some(30)]);
        assert_eq!((picture.since, picture.time_of(BUCKETS - 1)), (Time(START), Time(START)));
        read(&shop, 10);
        assert_eq!(end(&sample(2).reads, 1), [Some(20)], "the mean of two minutes");
        (3..5).for_each(|minute| _ = sample(minute));
        read(&shop, 100);
        assert_eq!(end(&sample(5).reads, 3), [None, Some(10), Some(100)]);
        let day = 24 * 60;
        let later = sample(day);
        assert_eq!(later.reads.iter().flatten().copied().collect::<Vec<_>>(), [100, 0], "the pause has no samples");
        let picture = sample(day + 5);
        assert!(picture.is_empty() && picture.since == Time(START + 10 * MINUTE));
        assert!(history.0.lock().configs.is_empty());
    }

    #[test]
    fn an_application_counts_with_its_most_read_config_that_is_shown() {
        let (history, all) = (ReadHistory::new(Time(START)), ["prod/shop/a", "prod/shop/b", "dev/shop/a"].map(config));
        let names = [("prod/shop/a", 3), ("prod/shop/b", 5), ("dev/shop/a", 1), ("prod/gone/a", 9)];
        history.sample(&all, instances(&names), Time(START + MINUTE));
        assert_eq!(end(&history.picture(|_| true).instances, 1), [Some(6)]);
        assert_eq!(end(&history.picture(|config| config.namespace.as_str() == "a").instances, 1), [Some(4)]);
        assert_eq!(end(&history.picture(|_| false).instances, 1), [Some(0)]);
    }

    #[test]
    fn a_release_has_the_times_of_its_instances() {
        let (history, shop) = (ReadHistory::new(Time(START)), config("prod/shop/a"));
        let accepted = shop.entry.meta.published_at;
        let sample = |got: &[(u64, i64)]| {
            let updated: Vec<_> = got.iter().map(|(release, ms)| (*release, accepted.plus_ms(*ms))).collect();
            let sample = InstanceSample { instances: 9, updated };
            let all = [("prod/shop/a".into(), sample)].into();
            history.sample(std::slice::from_ref(&shop), all, accepted.plus_ms(MINUTE));
            history.picture(|_| true).releases
        };
        assert_eq!(sample(&[(6, 5)]), []);
        sample(&[(7, 30), (7, 10), (6, 5)]);
        let seen = SeenRelease { seq: 7, accepted_at: accepted, all_ms: 30, instances: 3 };
        assert_eq!(sample(&[(7, 30), (7, 10), (7, 20)]), [seen]);
        assert_eq!(sample(&[(7, 900)]), [seen], "two of the three are gone");
    }

    #[test]
    fn the_number_of_configs_is_bounded() {
        let history = ReadHistory::new(Time(START));
        let all: Vec<_> = (0..MAX_CONFIGS + 2).map(|n| config(&format!("prod/shop/n{n}"))).collect();
        all.iter().for_each(|config| read(config, 1));
        history.sample(&all, HashMap::new(), Time(START + MINUTE));
        assert_eq!(history.0.lock().configs.len(), MAX_CONFIGS);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let (history, shop) = (ReadHistory::new(Time(START)), config("prod/shop/a"));
        for minute in [60, 0, 1] {
            read(&shop, 10);
            history.sample(std::slice::from_ref(&shop), HashMap::new(), Time(START + minute * MINUTE));
        }
        let rings = history.0.lock();
        let kept = rings.configs.values().next().unwrap();
        assert_eq!(kept.reads.iter().sum::<u32>(), 30);
    }
}
