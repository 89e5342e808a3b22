//! `cargo xtask`: developers' commands.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod conformance;
mod lint;
mod scenario;
mod setup;
mod steps;
mod test;
mod workspace;

/// Developers' commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install the programs that tests, scenarios and benchmarks need, as far as they are missing
    Setup,
    /// Check format, lints, the house's rules, dependencies and the documentation's links
    Lint,
    /// Run everything: set-up, lint, build, unit, property and integration tests, scenarios, oracles
    Test,
    /// Run acceptance scenarios in network namespaces
    Scenario(scenario::ScenarioArgs),
    /// Run the Gateway API conformance suite on a real Kubernetes API
    Conformance(conformance::ConformanceArgs),
    /// Measure
    Bench {
        #[command(subcommand)]
        benchmark: bench::Benchmark,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Command::Lint => lint::run(),
        Command::Test => test::run(),
        Command::Scenario(args) => scenario::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Bench { benchmark } => bench::run(benchmark).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
