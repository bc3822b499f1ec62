//! Measures Trimtab, and as limits the same libraries and servers without it: `make bench`. Everything is started as a
//! user would start it. Each figure is measured alternately with its limit, on the same machine and with the same
//! client, so that noise affects both.

mod bare;
mod crowd;
mod figures;
mod heavy;
mod node;
mod pages;
mod publishes;
mod reads;
mod search;
mod start;
mod waiting;
mod writers;

use std::{env, fs, process::ExitCode, thread::available_parallelism};

use figures::{Result, Samples};

/// Amount of work for each figure.
#[derive(Clone, Copy)]
struct Effort {
    /// Rounds of each measurement.
    rounds: usize,
    /// Seconds of a round of reads.
    seconds: usize,
    /// Numbers of waiting readers, and of configs at the start of a server.
    sizes: &'static [usize],
    /// Number of configs that are searched.
    search_configs: usize,
}

impl Effort {
    const FULL: Self = Self { rounds: 8, seconds: 3, sizes: &[100, 1_000, 10_000], search_configs: 200 };
    /// Only shows that everything works.
    const QUICK: Self = Self { rounds: 2, seconds: 1, sizes: &[100, 1_000], search_configs: 4 };
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut parts: Vec<String>) -> Result<()> {
    match &parts[..] {
        [part] if part == "bare" => return bare::serve().await,
        [part] if part == "bare-publisher" => return bare::publish().await,
        _ => {}
    }
    let quick = parts.iter().any(|part| part == "quick");
    let effort = if quick { Effort::QUICK } else { Effort::FULL };
    parts.retain(|part| part != "quick");
    if parts.is_empty() {
        parts = ["reads", "publishes", "pages", "waiting", "start", "writers", "heavy", "search"]
            .map(str::to_owned)
            .to_vec();
    }
    machine()?;
    for part in parts {
        match part.as_str() {
            "reads" => reads::measure(effort).await?,
            "publishes" => publishes::measure(effort).await?,
            "pages" => pages::measure(effort).await?,
            "waiting" => waiting::measure(effort).await?,
            "start" => start::measure(effort).await?,
            "writers" => writers::measure(effort).await?,
            "heavy" => heavy::measure(effort).await?,
            "search" => search::measure(effort).await?,
            other => return Err(format!("no such part: {other}").into()),
        }
    }
    println!("\nLoad of the machine at the end: {}", fs::read_to_string("/proc/loadavg")?.trim());
    Ok(())
}

/// Prints the properties of the machine.
fn machine() -> Result<()> {
    let line = |file: &str, name: &str| -> Result<String> {
        let text = fs::read_to_string(file)?;
        let found = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        Ok(found.map_or_else(String::new, |(_, value)| value.trim().to_owned()))
    };
    println!("Processor: {}, {} cores", line("/proc/cpuinfo", "model name")?, available_parallelism()?);
    println!("Memory: {}", line("/proc/meminfo", "MemTotal")?);
    println!("fdatasync of 4 KiB: {} ms (p50 / p99)", disk()?.both());
    println!("Load of the machine at the start: {}", fs::read_to_string("/proc/loadavg")?.trim());
    Ok(())
}

fn disk() -> Result<Samples> {
    use std::{io::Write, time::Instant};

    let path = format!("{}/bench-disk", env::var("TRIMTAB_TEST_DIR")?);
    let (mut file, mut samples) = (fs::File::create(path)?, Samples::default());
    for _ in 0..200 {
        file.write_all(&[0; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        samples.since(began);
    }
    Ok(samples)
}
