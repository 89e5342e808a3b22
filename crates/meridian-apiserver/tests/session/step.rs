//! The steps of a session, and what comes of them.

use crate::normal::normal;
use std::fs;
use std::process::{Command, Output};

/// One paragraph of a chapter.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where it begins.
    pub(crate) line: usize,
    /// What a shell is given.
    pub(crate) text: String,
    /// Why it may differ.
    pub(crate) differs: Option<String>,
}

/// Reads a chapter. Paragraphs of comments only are for people.
pub(crate) fn read(chapter: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    for (number, line) in chapter.lines().chain([""]).enumerate() {
        if !line.trim().is_empty() {
            paragraph.push(line);
            continue;
        }
        let lines = std::mem::take(&mut paragraph);
        if lines.iter().all(|line| line.starts_with('#')) {
            continue;
        }
        let differs = lines.iter().find_map(|line| line.strip_prefix("# differs: ")).map(str::to_owned);
        steps.push(Step { line: number + 1 - lines.len(), text: lines.join("\n"), differs });
    }
    steps
}

/// What a step has answered, without what differs from run to run.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome(String);

impl Outcome {
    pub(crate) fn of(output: &Output) -> Outcome {
        let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut text = normal(&printed);
        let said = normal(&said);
        if !said.is_empty() {
            text += &format!("--- standard error\n{said}");
        }
        match output.status.code() {
            Some(0) => {}
            Some(code) => text += &format!("--- exit code {code}\n"),
            None => text += "--- killed\n",
        }
        Outcome(text)
    }

    /// The lines in which this differs from what was expected.
    pub(crate) fn diff(&self, expected: &Outcome) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (real, ours) = (folder.path().join("kubernetes"), folder.path().join("meridian"));
        fs::write(&real, &expected.0).unwrap();
        fs::write(&ours, &self.0).unwrap();
        let mut diff = Command::new("diff");
        diff.args(["-u", "--label", "kubernetes", "--label", "meridian"]).args([real, ours]);
        String::from_utf8(diff.output().unwrap().stdout).unwrap()
    }
}
