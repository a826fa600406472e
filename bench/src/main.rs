//! Speed and memory beside Tahoe-LAFS 1.20: `cargo xtask bench`.
//!
//! Three grids of ten storage servers, each server a process, coded 3-of-10, on this machine: ours,
//! Tahoe-LAFS over Foolscap (its faster transport), and Tahoe-LAFS over GBS. The same calls of the
//! web API go to each gateway in turn; medians and ratios are printed. Our servers write durably.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod changing;
mod contestant;
mod floor;
mod memory;
mod rows;
mod table;

use anyhow::{Context, Result};
use clap::Parser;
use interop::Commands;

use contestant::{Contestant, Setup};
use rows::{Figure, ROWS};

/// Measures ours beside Tahoe-LAFS.
#[derive(Debug, Parser)]
struct Options {
    /// How often each row is measured for each grid
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measure only rows whose name has this in it; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Leave Tahoe-LAFS out
    #[arg(long)]
    alone: bool,
    /// Let ours speak Foolscap too; the goals then are 4 for 100 MiB, and 1 for the other rows
    #[arg(long)]
    foolscap: bool,
    /// Also move a file of so many MiB up and down, and watch the gateway's memory
    #[arg(long, default_value_t = 0)]
    large_mib: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let commands =
        Commands::find().context("run it with 'cargo xtask bench', which says where tahoe is")?;
    let home = tempfile::tempdir()?;
    let all = Setup::all(options.foolscap);
    let setups = if options.alone { &all[..1] } else { &all[..] };
    let mut contestants = Vec::new();
    for setup in setups {
        eprintln!("starting ten servers and a gateway: {}", setup.name());
        contestants.push(Contestant::start(&commands, home.path(), *setup)?);
    }
    let idle = contestants.iter().map(Contestant::idle_memory).collect::<Result<Vec<_>>>()?;
    let chosen: Vec<_> = ROWS
        .iter()
        .chain(changing::ROWS)
        .filter(|row| {
            options.only.is_empty() || options.only.iter().any(|only| row.name.contains(only))
        })
        .collect();
    let mut results: Vec<Vec<Figure>> = Vec::new();
    for row in &chosen {
        let mut figures: Vec<Vec<Figure>> = vec![Vec::new(); contestants.len()];
        for run in 0..options.runs {
            for (contestant, figures) in contestants.iter().zip(&mut figures) {
                eprintln!("{}, run {}: {}", row.name, run + 1, contestant.setup.name());
                figures.push((row.measure)(&contestant.gateway)?);
            }
        }
        results.push(figures.into_iter().map(median).collect());
    }
    let names: Vec<_> = contestants.iter().map(|contestant| contestant.setup.name()).collect();
    println!("{}", table::print(&names, &chosen, &results, &idle));
    if options.large_mib > 0 {
        println!("{}", memory::move_large_file(&contestants[0], options.large_mib)?);
    }
    drop(contestants);
    println!("{}", floor::measure(home.path())?);
    Ok(())
}

fn median(mut figures: Vec<Figure>) -> Figure {
    figures.sort_by(|a, b| a.value().total_cmp(&b.value()));
    figures[figures.len() / 2]
}
