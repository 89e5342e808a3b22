//! `meridian --help`: the commands in groups.

use crate::Cli;
use clap::{Command, CommandFactory};
use std::fmt::Write;

/// Which commands belong together. A command that is in no group is among the last.
const GROUPS: &[(&str, &[&str])] = &[
    ("Run", &["up", "control-plane", "gateway", "sidecar", "exec", "httpbin", "store"]),
    (
        "Objects, as kubectl does it",
        &[
            "apply",
            "get",
            "describe",
            "create",
            "replace",
            "edit",
            "patch",
            "label",
            "annotate",
            "delete",
            "api-resources",
        ],
    ),
    ("Check", &["validate", "analyze"]),
    ("See inside", &["proxy-status", "proxy-config"]),
    ("Kubernetes and machines", &["install", "uninstall", "kube-inject", "redirect", "wait", "envoy-bootstrap"]),
];

/// The command line, with its commands in groups.
pub(crate) fn command() -> Command {
    let command = Cli::command();
    let list = groups(&command);
    command
        .help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{list}\nOptions:\n{{options}}\n"))
}

/// The names of the commands with what they do, in groups.
fn groups(command: &Command) -> String {
    let visible: Vec<&Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let widest = visible.iter().map(|command| command.get_name().len()).max().unwrap_or(0);
    let known = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> = visible.iter().map(|command| command.get_name()).filter(|name| !known(name)).collect();
    let mut text = String::new();
    for (title, names) in GROUPS.iter().copied().chain([("Other", &others[..])]) {
        let commands = names.iter().filter_map(|name| visible.iter().find(|command| command.get_name() == *name));
        let mut commands = commands.peekable();
        if commands.peek().is_some() {
            let _ = writeln!(text, "\n{title}:");
        }
        for command in commands {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {:widest$}  {about}", command.get_name());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_once() {
        let command = Cli::command();
        let text = groups(&command);
        for command in command.get_subcommands() {
            let line = format!("\n  {} ", command.get_name());
            assert_eq!(text.matches(&line).count(), 1, "{}: {text}", command.get_name());
        }
        let names = GROUPS.iter().flat_map(|(_, names)| *names);
        for name in names {
            assert!(command.find_subcommand(name).is_some(), "there is no command {name}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
