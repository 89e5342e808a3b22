//! The steps of a session, and what comes of them.

use crate::normal::{normal, without_prose};
use std::fs;
use std::process::{Command, Output};

/// One paragraph of a chapter.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where it begins.
    pub(crate) line: usize,
    /// What a shell is given.
    pub(crate) text: String,
    /// What is said of its answers.
    pub(crate) mark: Mark,
}

/// How the two answers to a step compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// They are the same.
    Same,
    /// They say the same in other words: what describes kinds and fields differs, and nothing else (`# words: REASON`).
    Words(String),
    /// They differ (`# differs: REASON`).
    Differs(String),
    /// They differ by chance (`# may differ: REASON`).
    MayDiffer(String),
}

/// What a comment says of its step.
fn mark(line: &str) -> Option<Mark> {
    let (what, reason) = line.strip_prefix("# ")?.split_once(": ")?;
    match what {
        "words" => Some(Mark::Words(reason.to_owned())),
        "differs" => Some(Mark::Differs(reason.to_owned())),
        "may differ" => Some(Mark::MayDiffer(reason.to_owned())),
        _ => None,
    }
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
        let mark = lines.iter().find_map(|line| mark(line)).unwrap_or(Mark::Same);
        steps.push(Step { line: number + 1 - lines.len(), text: lines.join("\n"), mark });
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

    /// The same without what describes kinds and fields.
    pub(crate) fn without_prose(&self) -> Outcome {
        Outcome(without_prose(&self.0))
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
