//! The command on a dump that has something of everything, and with an API and a proxy on loopback.

mod proxies;
mod tables;

use super::args::ProxyConfigArgs;
use super::dump::Dump;
use clap::{CommandFactory, Parser};

const DUMP: &str = include_str!("config_dump.json");

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ProxyConfigArgs,
}

fn dump() -> Dump {
    Dump::parse(DUMP, "config_dump.json").expect("a config dump")
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_source_is_needed_and_only_one() {
    let refused = |line: &[&str]| Cli::try_parse_from([&["pc"], line].concat()).is_err();
    let error = Cli::try_parse_from(["pc", "cluster"]).err().expect("no source").to_string();
    assert!(error.contains("<PROXY|--file <FILE>|--admin <ADDR:PORT>>"), "{error}");
    assert!(refused(&["cluster", "ingressgateway", "-f", "dump.json"]));
    assert!(refused(&["cluster", "ingressgateway", "--admin", "127.0.0.1:15000"]));
    assert!(refused(&["cluster", "-f", "-", "--admin", "127.0.0.1:15000"]));
    assert!(refused(&["cluster", "ingressgateway", "-o", "wide"]));
    for alias in
        ["clusters", "c", "listeners", "l", "routes", "r", "endpoints", "ep", "secrets", "s", "eds", "all", "a"]
    {
        assert!(!refused(&[alias, "-f", "-", "-ojson"]), "{alias}");
    }
}

#[test]
fn what_is_no_configuration_is_refused() {
    for (text, expected) in [
        ("", "is not the configuration of a proxy"),
        ("<html>", "is not the configuration of a proxy"),
        ("{}", "has neither \"configs\" nor \"cluster_statuses\""),
    ] {
        let error = Dump::parse(text, "FILE").expect_err(text);
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}
