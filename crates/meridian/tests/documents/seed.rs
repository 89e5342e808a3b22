//! The documents: their commands in order, and the files that they tell their reader to write.

use std::path::PathBuf;

/// The documents, in their order.
pub(crate) const NAMES: [&str; 5] = [
    "000_a20f20a95e8b5735.txt",
    "001_fb701499a92088e3.txt",
    "002_df287000848aec8c.txt",
    "003_f9220a3495a979c5.txt",
    "004_2ef02e1edf5a453e.txt",
];

/// What a command line begins with.
const PROGRAMS: [&str; 13] =
    ["kubectl", "oc", "istioctl", "openssl", "curl", "export", "echo", "cat", "mkdir", "rm", "for", "docker", "helm"];

/// The prompts of the documents' shells.
const PROMPTS: [&str; 4] = ["vv@localhost istio-1.23.2 % ", "/ # ", "$ ", "# "];

/// One document.
pub(crate) struct Document {
    number: usize,
    lines: Vec<String>,
}

/// One command of a document.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    /// Its first line, from 1.
    pub(crate) line: usize,
    /// What a shell is given, with continuation lines and what is read from `<<EOF`.
    pub(crate) text: String,
    /// What the document shows behind it, up to the next command or empty line.
    pub(crate) shown: Vec<String>,
}

impl Document {
    /// A document by its number; `None` (said loudly) without `../shared`, which is a failure when `CI` is set.
    pub(crate) fn read(number: usize) -> Option<Document> {
        let name = NAMES[number];
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/seeds", name].iter().collect();
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Document { number, lines: text.lines().map(str::to_owned).collect() }),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                assert!(std::env::var_os("CI").is_none(), "{message}");
                eprintln!("\n*** SKIPPED: {message} ***\n");
                None
            }
        }
    }

    /// Its commands, as they are written there but for the indentation of YAML, which is given back.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let lines = self.indented();
        let mut commands = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let Some(first) = command(&lines[at]) else {
                at += 1;
                continue;
            };
            let line = at + 1;
            let mut text = first.to_owned();
            at += 1;
            while at < lines.len() && text.ends_with('\\') {
                text = format!("{text}\n{}", lines[at].trim_start_matches("> "));
                at += 1;
            }
            let end = match (text.contains("<<EOF"), text.starts_with("for ")) {
                (true, _) => Some("EOF"),
                (_, true) => Some("done"),
                _ => None,
            };
            while let Some(end) = end.filter(|_| at < lines.len()) {
                text = format!("{text}\n{}", lines[at]);
                at += 1;
                if lines[at - 1] == end {
                    break;
                }
            }
            let shown = lines[at..].iter().take_while(|line| !line.is_empty() && command(line).is_none());
            commands.push(Command { line, text, shown: shown.cloned().collect() });
        }
        commands
    }

    /// Some lines of it, such as a file that its reader writes.
    pub(crate) fn file(&self, first: usize, last: usize) -> String {
        self.indented()[first - 1..last].join("\n") + "\n"
    }

    /// The lines, those of YAML with their indentation.
    fn indented(&self) -> Vec<String> {
        let mut lines = self.lines.clone();
        for row in include_str!("data/indentation.txt").lines().filter(|row| !row.starts_with('#')) {
            let fields: Vec<&str> = row.split(' ').collect();
            let number = |field: usize| fields[field].parse::<usize>().expect("a number");
            if number(0) != self.number {
                continue;
            }
            for (line, depth) in lines[number(1) - 1..].iter_mut().zip(fields[2].chars()) {
                let depth = depth.to_digit(10).expect("a digit");
                *line = format!("{}{line}", "  ".repeat(depth as usize));
            }
        }
        lines
    }
}

/// The command that a line begins, without its prompt.
fn command(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = PROMPTS.iter().find_map(|prompt| line.strip_prefix(prompt)).unwrap_or(line);
    let program = line.split(' ').next().unwrap_or_default();
    (PROGRAMS.contains(&program) && line.len() > program.len()).then_some(line)
}
