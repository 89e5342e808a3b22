//! `kubectl apply` of all objects in one file, and what it asks for without kubectl.

use super::super::api::Api;
use super::{BACKEND, Figures, PATIENCE, made, process, start};
use anyhow::{Context, ensure};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Applies them to an API that has none of them. The time of kubectl itself is what it spends on the CPU.
///
/// # Errors
/// Meridian does not start, or kubectl fails.
pub(super) fn apply(size: usize, meridian: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let program = start(meridian, data.path())?;
    let mut client = Api::of(data.path(), PATIENCE)?.connect_when_open(PATIENCE)?;
    made::surroundings(&mut client, BACKEND)?;
    let mut file = tempfile::NamedTempFile::with_suffix(".json")?;
    for index in 0..size {
        writeln!(file, "{}", made::virtual_service(index))?;
    }
    file.flush()?;
    for (what, own, server) in [
        ("kubectl apply of all, new", "  of which kubectl's own CPU", "  CPU of Meridian"),
        ("kubectl apply of all, unchanged", "  of which kubectl's own CPU ", "  CPU of Meridian "),
    ] {
        let cpu = process::cpu_time(program.pid())?;
        let (wall, kubectl) = run(&data.path().join("kubeconfig"), file.path())?;
        figures.seconds(what, wall);
        figures.seconds(own, kubectl);
        figures.seconds("  without kubectl's own CPU", wall.saturating_sub(kubectl));
        figures.seconds(server, process::cpu_time(program.pid())? - cpu);
    }
    figures.memory("resident after kubectl apply", program.pid())?;
    Ok(())
}

/// Asks for what kubectl asks for when it applies new objects, one after another: each is looked for, then created with
/// the note of what was applied.
///
/// # Errors
/// Meridian does not start, or answers something else.
pub(super) fn requests(size: usize, meridian: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let program = start(meridian, data.path())?;
    let mut client = Api::of(data.path(), PATIENCE)?.connect_when_open(PATIENCE)?;
    made::surroundings(&mut client, BACKEND)?;
    let collection =
        format!("{}?fieldManager=kubectl-client-side-apply&fieldValidation=Strict", made::VIRTUAL_SERVICES);
    let (begun, cpu) = (Instant::now(), process::cpu_time(program.pid())?);
    for index in 0..size {
        let mut object = made::virtual_service(index);
        let found = client.call("GET", &format!("{}/route-{index}", made::VIRTUAL_SERVICES), None)?;
        ensure!(found.status == 404, "GET route-{index}: {} {}", found.status, found.text());
        let applied = object.to_string() + "\n";
        object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
        made::create(&mut client, &collection, &object)?;
    }
    figures.seconds("the same requests without kubectl", begun.elapsed());
    figures.seconds("  CPU of Meridian  ", process::cpu_time(program.pid())? - cpu);
    figures.memory("resident after them", program.pid())
}

/// How long kubectl takes, and what it spends on the CPU itself, which the shell's `times` says of its children.
fn run(kubeconfig: &Path, file: &Path) -> anyhow::Result<(Duration, Duration)> {
    let begun = Instant::now();
    let output = Command::new("sh")
        .args(["-c", "kubectl --kubeconfig \"$0\" apply -f \"$1\" >/dev/null && times"])
        .args([kubeconfig, file])
        .output()
        .context("sh")?;
    let wall = begun.elapsed();
    ensure!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let children = text.lines().nth(1).with_context(|| format!("`times` says {text:?}"))?;
    let parts: Option<Vec<Duration>> = children.split_whitespace().map(duration).collect();
    Ok((wall, parts.with_context(|| format!("`times` says {text:?}"))?.into_iter().sum()))
}

/// `1m2.345s`
fn duration(text: &str) -> Option<Duration> {
    let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
    let total = minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?;
    Some(Duration::from_secs_f64(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shell_says() {
        assert_eq!(duration("1m2.500s"), Some(Duration::from_millis(62_500)));
        assert_eq!(duration("2.5"), None);
    }
}
