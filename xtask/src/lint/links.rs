//! The documentation's links within the project: each leads to a file, and to a heading in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace;

/// Every link in a Markdown file that leads nowhere, as `file:line: what`. Links to other sites are not followed.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn findings() -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for file in workspace::files(".md")? {
        let text = read(&file)?;
        for (line, target) in links(&text) {
            if let Some(reason) = broken(&file, target)? {
                all.push(format!("{}:{line}: {target}: {reason}", file.display()));
            }
        }
    }
    Ok(all)
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(file)).with_context(|| file.display().to_string())
}

/// Why `target`, as written in `file`, leads nowhere.
fn broken(file: &Path, target: &str) -> anyhow::Result<Option<String>> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(None);
    }
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let folder = file.parent().unwrap_or(Path::new(""));
    let leads_to: PathBuf = if path.is_empty() { file.to_owned() } else { folder.join(path) };
    if !workspace::root().join(&leads_to).exists() {
        return Ok(Some("there is no such file".to_owned()));
    }
    match heading {
        Some(heading) if !headings(&read(&leads_to)?).any(|known| known == heading) => {
            Ok(Some("there is no such heading".to_owned()))
        }
        _ => Ok(None),
    }
}

/// The lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The targets of links and images, `[text](target)`, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    for (line, content) in prose(text) {
        // What stands between backquotes is shown, not linked.
        for part in content.split('`').step_by(2) {
            let targets = part.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            all.extend(targets.map(|(target, _)| (line, target.split(' ').next().unwrap_or(target))));
        }
    }
    all
}

/// The anchors of the headings, as GitHub makes them: lower case, spaces as hyphens, without punctuation.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let titles = prose(text).map(|(_, line)| line).filter(|line| line.starts_with('#'));
    let titles = titles.map(|line| line.trim_start_matches('#').trim());
    titles.map(|title| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text =
            "[a](b.md) and [c](d.md#e \"title\")\n```\n[no](code.md)\n```\n`[no](inline.md)` [yes](f.md) ![i](g.png)\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "d.md#e"), (5, "f.md"), (5, "g.png")]);
    }

    #[test]
    fn headings_have_the_anchors_that_are_linked_to() {
        let text =
            "# When something is refused\n## `meridian up`: options, ports\n```\n# not one\n```\n### 2.1 A-B_c\n";
        let anchors: Vec<_> = headings(text).collect();
        assert_eq!(anchors, ["when-something-is-refused", "meridian-up-options-ports", "21-a-b_c"]);
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let file = Path::new("Cargo.toml");
        assert_eq!(broken(file, "xtask/Cargo.toml").unwrap(), None);
        assert_eq!(broken(file, "https://example.com/none").unwrap(), None);
        assert_eq!(broken(file, "none.md").unwrap().as_deref(), Some("there is no such file"));
        assert_eq!(broken(file, "#none").unwrap().as_deref(), Some("there is no such heading"));
    }
}
