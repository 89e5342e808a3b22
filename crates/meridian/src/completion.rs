//! `meridian completion`: what shells need to complete our commands.

use crate::client::output;
use crate::help;
use clap_complete::Shell;

/// Options of `meridian completion`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  source <(meridian completion bash)
  meridian completion zsh > \"${fpath[1]}/_meridian\"
  meridian completion fish > ~/.config/fish/completions/meridian.fish")]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn run(args: &CompletionArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "meridian", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut help::command(), "meridian", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["apply", "proxy-config", "field-selector"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
