//! Samples, and the tables of the report.

use std::{fmt::Display, future::Future, time::Instant};

/// Result with any error. Errors are only reported.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measured values, in milliseconds unless stated otherwise.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds the duration of `work`.
    pub async fn time<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let began = Instant::now();
        let done = work.await?;
        self.since(began);
        Ok(done)
    }

    /// Adds the time since `began`.
    pub fn since(&mut self, began: Instant) {
        self.0.push(began.elapsed().as_secs_f64() * 1e3);
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds all values of another sample.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Returns the quantile `at` (from 0 to 1).
    pub fn quantile(&self, at: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * at).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// Returns the median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Formats `p50 / p99 / max`.
    pub fn three(&self) -> String {
        format!("{} / {}", self.both(), short(self.quantile(1.0)))
    }

    /// Formats `p50 / p99`.
    pub fn both(&self) -> String {
        format!("{} / {}", short(self.median()), short(self.quantile(0.99)))
    }
}

/// Formats a number with about three significant digits.
pub fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Formats a whole number with separators: 76,000.
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

/// Prints a bar chart under a title that names the quantity and the unit.
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

/// A table of the report. Its lines are printed as Markdown at once, so that an aborted run leaves results, too.
pub struct Table;

impl Table {
    /// Begins a table.
    pub fn new(title: &str) -> Self {
        println!("\n### {title}\n\n| | Trimtab | limit | ratio | goal |\n|---|---:|---:|---:|---|");
        Self
    }

    /// Prints a row: name, value, limit, their ratio, and the goal.
    pub fn row(&self, what: impl Display, value: impl Display, limit: impl Display, ratio: f64, goal: impl Display) {
        let ratio = if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") };
        println!("| {what} | {value} | {limit} | {ratio} | {goal} |");
    }

    /// Prints a row without a limit.
    pub fn plain(&self, what: impl Display, value: impl Display, goal: impl Display) {
        self.row(what, value, "–", f64::NAN, goal);
    }
}
