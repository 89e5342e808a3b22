//! The same session of `kubectl`, against a real kube-apiserver and against ours: both answer the same.
//!
//! `chapters/*.sh` is the session. Each chapter is played in a namespace and a folder of its own, and knows nothing of the
//! others, which are played meanwhile. Paragraphs are its steps: a paragraph is given to a shell whose folder and
//! `KUBECONFIG` belong to the chapter and the server, and what it prints, what it says on standard error, and its exit
//! code are compared, apart from times, identifiers and addresses ([`normal`]). A comment in a paragraph may say otherwise, always with a reason:
//!
//! - `# words: REASON`: kinds and fields are described in other words; everything else is the same.
//! - `# differs: REASON`: the answers differ. Where they do not, or no longer, the comment is a mistake.
//! - `# may differ: REASON`: the answers differ by chance.
//!
//! `MERIDIAN_SESSION=apply,get` plays these chapters only, and prints the differences that have a reason too.
#![allow(clippy::unwrap_used)]

mod normal;
mod sides;
mod step;

use sides::Side;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use step::{Mark, Outcome, Step};

/// How many chapters are played at once, each against both servers. `kubectl` waits for a part of its time.
const AT_ONCE: usize = 2;

#[test]
fn both_servers_answer_the_same() {
    let Some((real, ours)) = sides::start() else { return };
    let chosen = std::env::var("MERIDIAN_SESSION").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/session/chapters");
    let mut chapters: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let name_of = |chapter: &PathBuf| chapter.file_stem().unwrap().to_str().unwrap().to_owned();
    chapters.retain(|chapter| chosen.is_empty() || chosen.split(',').any(|one| one == name_of(chapter)));
    // The longest come first.
    chapters.sort_by_key(|chapter| std::cmp::Reverse(fs::metadata(chapter).unwrap().len()));
    let (left, played) = (Mutex::new(chapters.iter()), Mutex::new(Vec::new()));
    let player = || {
        loop {
            let Some(chapter) = left.lock().unwrap().next() else { return };
            let (name, script) = (name_of(chapter), step::read(&fs::read_to_string(chapter).unwrap()));
            let begin = Instant::now();
            let differences = play(&name, &script, &real, &ours, !chosen.is_empty());
            println!("{name}: {} steps in {:.0} s", script.len(), begin.elapsed().as_secs_f64());
            played.lock().unwrap().push((name, script.len(), differences));
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(player))));
    let mut played = played.into_inner().unwrap();
    played.sort();
    let steps: usize = played.iter().map(|(_, steps, _)| steps).sum();
    let differences: Vec<String> = played.into_iter().flat_map(|(_, _, differences)| differences).collect();
    assert!(steps > 0, "there is no chapter {chosen:?}");
    println!("{steps} steps were played");
    assert!(differences.is_empty(), "{} of {steps} steps differ:\n{}", differences.len(), differences.join("\n"));
}

/// Plays a chapter against both servers at once. Returns what differs without a reason.
fn play(name: &str, script: &[Step], real: &Side, ours: &Side, chosen: bool) -> Vec<String> {
    let play = |side: &Side| -> Vec<Outcome> {
        let user = side.enter(name);
        script.iter().map(|step| user.run(step)).collect()
    };
    let (expected, found) = std::thread::scope(|scope| {
        let expected = scope.spawn(|| play(real));
        let found = play(ours);
        (expected.join().unwrap(), found)
    });
    let mut differences = Vec::new();
    for ((step, expected), found) in script.iter().zip(&expected).zip(&found) {
        let place = format!("{name}, line {}", step.line);
        match (&step.mark, expected == found) {
            (Mark::Words(_), false) if expected.without_prose() == found.without_prose() => {}
            (Mark::Same | Mark::Words(_), false) => {
                differences.push(format!("=== {place}\n{}\n{}", step.text, found.diff(expected)));
            }
            (Mark::Words(reason) | Mark::Differs(reason), true) => {
                let step = &step.text;
                differences.push(format!("=== {place}: is the same, though it is marked: {reason}\n{step}\n"));
            }
            (Mark::Differs(reason) | Mark::MayDiffer(reason), false) if chosen => {
                println!("=== {place}, which differs: {reason}\n{}", found.diff(expected));
            }
            _ => {}
        }
    }
    differences
}
