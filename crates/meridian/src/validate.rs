//! `meridian validate`: each object of the files by itself, as the API would judge it; `istioctl validate` prints the
//! same of good files. Nothing has to run.

use crate::client::output;
use crate::input::{self, Input};
use anyhow::bail;
use meridian_resources::yaml;
use std::fmt::Write;

/// Options of `meridian validate`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  meridian validate -f gateway.yaml
  meridian validate -f configuration/
  kubectl get virtualservices -A -o yaml | meridian validate -f -")]
pub(crate) struct ValidateArgs {
    /// A file or folder; - is standard input
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<String>,
}

/// Checks the files and prints what is wrong, each problem on a line of its own with file, line and column.
///
/// # Errors
/// A file cannot be read, or some object is not valid.
pub(crate) fn run(args: &ValidateArgs) -> anyhow::Result<()> {
    let mut text = String::new();
    let mut invalid = 0;
    for input in input::read(&args.files)? {
        let verdict = Verdict::of(&input);
        invalid += verdict.errors.len();
        verdict.write(&input.name, &mut text);
    }
    output::print(&text)?;
    match invalid {
        0 => Ok(()),
        1 => bail!("found 1 problem"),
        many => bail!("found {many} problems"),
    }
}

/// What is wrong with the objects of a file.
#[derive(Debug, Default)]
struct Verdict {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Verdict {
    fn of(input: &Input) -> Self {
        let mut verdict = Self::default();
        for document in yaml::parse(&input.text, &input.name) {
            match document.object {
                Err(diagnostics) => verdict.errors.extend(diagnostics.iter().map(ToString::to_string)),
                Ok(object) => {
                    let warnings = meridian_resources::warnings(object.kind, &object.value);
                    verdict.warnings.extend(warnings.iter().map(|warning| object.diagnostic(warning).to_string()));
                }
            }
        }
        verdict
    }

    fn write(&self, name: &str, text: &mut String) {
        for error in &self.errors {
            writeln!(text, "{error}").expect("text is written to memory");
        }
        if !self.warnings.is_empty() {
            writeln!(text, "{name:?} has warnings:").expect("text is written to memory");
            for warning in &self.warnings {
                writeln!(text, "\t* {warning}").expect("text is written to memory");
            }
        } else if self.errors.is_empty() {
            let told = if name == "-" { "validation succeed".to_owned() } else { format!("{name:?} is valid") };
            writeln!(text, "{told}").expect("text is written to memory");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> String {
        let mut out = String::new();
        Verdict::of(&Input { name: "a.yaml".into(), text: text.into() }).write("a.yaml", &mut out);
        out
    }

    const GATEWAY: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec:\n  servers:\n";

    #[test]
    fn a_good_file_is_valid() {
        let text = format!("{GATEWAY}  - {{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}\n");
        assert_eq!(judged(&text), "\"a.yaml\" is valid\n");
    }

    #[test]
    fn every_problem_has_its_line() {
        let port = format!("{GATEWAY}  - hosts: ['*']\n    port: {{number: 99999, name: http, protocol: HTTP}}\n");
        let judged_port = judged(&port);
        assert!(judged_port.starts_with("a.yaml:7:20: Gateway default/g: spec.servers[0].port"), "{judged_port}");
        assert!(judged_port.contains("99999"), "{judged_port}");
        let fields = format!("{GATEWAY}  - port: {{number: 80, name: http, protocol: HTTP}}\n    hots: ['*']\n");
        let judged_fields = judged(&fields);
        let unknown =
            "a.yaml:7:5: Gateway default/g: spec.servers[0].hots: unknown field \"hots\"; did you mean \"hosts\"?";
        assert!(judged_fields.lines().any(|line| line == unknown), "{judged_fields}");
    }

    #[test]
    fn a_rule_that_is_never_used_is_a_warning() {
        let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n  hosts: [a]\n  \
                    http:\n  - route: [{destination: {host: a}}]\n  - match: [{uri: {prefix: /x}}]\n    route: \
                    [{destination: {host: a}}]\n";
        let judged = judged(text);
        assert!(judged.starts_with("\"a.yaml\" has warnings:\n\t* a.yaml:8:5: "), "{judged}");
        assert!(judged.contains("virtualService rule #1 not used (route without matches defined before)"), "{judged}");
    }
}
