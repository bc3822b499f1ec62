//! Figures and the table of them.

use std::{fmt::Display, future::Future, time::Instant};

/// Anything may go wrong while measuring, and then there is nothing to be done but to say so.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measured values of one thing, in milliseconds unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds what `work` takes.
    pub async fn time<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let began = Instant::now();
        let done = work.await?;
        self.since(began);
        Ok(done)
    }

    /// Adds what has passed since `began`.
    pub fn since(&mut self, began: Instant) {
        self.0.push(began.elapsed().as_secs_f64() * 1e3);
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds all values of others.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// The value below which the share `at` of all lies.
    pub fn quantile(&self, at: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * at).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// `p50 / p99 / last`.
    pub fn three(&self) -> String {
        format!("{} / {}", self.both(), short(self.quantile(1.0)))
    }

    /// `p50 / p99`.
    pub fn both(&self) -> String {
        format!("{} / {}", short(self.median()), short(self.quantile(0.99)))
    }
}

/// A number with as many digits as one can believe.
pub fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Thousands apart: 76,000.
pub fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How something grows: a bar for each value, under a title that says of what and in which unit.
pub fn plot(title: &str, bars: &[(String, f64)]) {
    const WIDTH: f64 = 40.0;
    let most = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    println!("\n```\n{title}");
    for (what, value) in bars {
        let bar = "█".repeat((value / most * WIDTH).round() as usize);
        println!("{what:>30} │{bar} {}", short(*value));
    }
    println!("```");
}

/// One table of the report, printed as Markdown while it is made: a run that is broken off has told something.
pub struct Table;

impl Table {
    /// Begins a table.
    pub fn new(title: &str) -> Self {
        println!("\n### {title}\n\n| | Trimtab | limit | ratio | goal |\n|---|---:|---:|---:|---|");
        Self
    }

    /// A line: what, how much, beside what, their ratio, and what is wanted.
    pub fn row(&self, what: impl Display, value: impl Display, limit: impl Display, ratio: f64, goal: impl Display) {
        let ratio = if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") };
        println!("| {what} | {value} | {limit} | {ratio} | {goal} |");
    }

    /// A line without a limit.
    pub fn plain(&self, what: impl Display, value: impl Display, goal: impl Display) {
        self.row(what, value, "–", f64::NAN, goal);
    }
}
