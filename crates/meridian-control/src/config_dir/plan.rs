//! From the texts of a folder to what must be put and deleted. Pure.

use super::scan::Scan;
use meridian_resources::yaml::{self, ParsedObject};
use meridian_resources::{Diagnostic, ObjectRef, Source};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder as it was last understood.
#[derive(Default)]
pub(super) struct Folder {
    files: BTreeMap<PathBuf, File>,
    /// What was handed on, by object.
    current: BTreeMap<ObjectRef, Value>,
    /// Which objects two files have, as it was said.
    twice: BTreeSet<String>,
}

/// One file: its text, and the objects that it says, or last said.
#[derive(Default)]
struct File {
    text: Option<String>,
    objects: BTreeMap<ObjectRef, Written>,
    problems: Vec<String>,
}

/// An object as a file says it; `Null` for one that an earlier process took from the file.
struct Written {
    value: Value,
    source: Source,
}

/// What is to be done after a change of the folder.
#[derive(Default)]
pub(super) struct Plan {
    /// New and changed objects, with the line where each begins.
    pub put: Vec<(ObjectRef, Value, Source)>,
    /// Objects that the folder holds no longer.
    pub delete: Vec<ObjectRef>,
    /// What is wrong, a line each; only what was not reported before.
    pub problems: Vec<String>,
}

impl Folder {
    /// A folder whose objects were handed on by an earlier process: those that it does not hold any more are deleted
    /// by the first plan, the others are put again.
    pub(super) fn resume(earlier: impl IntoIterator<Item = (ObjectRef, PathBuf)>) -> Folder {
        let mut folder = Folder::default();
        for (object, path) in earlier {
            folder.current.insert(object.clone(), Value::Null);
            // So that a file that is bad from the start keeps the objects that it gave when it was good.
            let kept = Written { value: Value::Null, source: Source { file: path.to_string_lossy().into(), line: 0 } };
            folder.files.entry(path).or_default().objects.insert(object, kept);
        }
        folder
    }

    /// Takes in what the folder holds now.
    ///
    /// A file with a mistake keeps its earlier objects, except those that its good documents say anew: a typo never
    /// takes a running route away. An object in two files is that of the first file by name.
    pub(super) fn take(&mut self, scan: &Scan) -> Plan {
        let mut plan = Plan::default();
        self.files.retain(|path, _| scan.files.contains_key(path) || scan.unreadable.contains_key(path));
        for (path, reason) in &scan.unreadable {
            self.files
                .entry(path.clone())
                .or_default()
                .report(vec![format!("{}: {reason}", path.display())], &mut plan);
        }
        for (path, text) in &scan.files {
            let file = self.files.entry(path.clone()).or_default();
            if file.text.as_deref() != Some(text) {
                file.read(path, text, &mut plan);
            }
        }
        self.compare(&mut plan);
        plan
    }

    /// Finds what differs from what was handed on.
    fn compare(&mut self, plan: &mut Plan) {
        let mut seen: BTreeMap<&ObjectRef, &Source> = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for (object, written) in self.files.values().flat_map(|file| &file.objects) {
            if let Some(first) = seen.get(object) {
                twice.insert(defined_twice(object, &written.source, first));
                continue;
            }
            seen.insert(object, &written.source);
            if !written.value.is_null() && self.current.get(object) != Some(&written.value) {
                plan.put.push((object.clone(), written.value.clone(), written.source.clone()));
            }
        }
        let gone: BTreeSet<ObjectRef> =
            self.current.keys().filter(|object| !seen.contains_key(object)).cloned().collect();
        self.current.retain(|object, _| !gone.contains(object));
        for (object, value, _) in &plan.put {
            self.current.insert(object.clone(), value.clone());
        }
        plan.delete.extend(gone);
        plan.problems.extend(twice.difference(&self.twice).cloned());
        self.twice = twice;
    }

    /// An object could not be handed on: the next change of the folder tries again.
    pub(super) fn not_done(&mut self, object: &ObjectRef) {
        if let Some(value) = self.current.get_mut(object) {
            *value = Value::Null;
        }
    }
}

impl File {
    fn read(&mut self, path: &Path, text: &str, plan: &mut Plan) {
        let mut objects = BTreeMap::new();
        let mut problems = Vec::new();
        for document in yaml::parse(text, &path.to_string_lossy()) {
            match document.object {
                Ok(parsed) => take_object(parsed, &mut objects, &mut problems),
                Err(diagnostics) => problems.extend(diagnostics.iter().map(Diagnostic::to_string)),
            }
        }
        if !problems.is_empty() {
            for (object, earlier) in std::mem::take(&mut self.objects) {
                objects.entry(object).or_insert(earlier);
            }
        }
        self.objects = objects;
        self.text = Some(text.to_owned());
        self.report(problems, plan);
    }

    /// Adds the problems to the plan, unless they were said before.
    fn report(&mut self, problems: Vec<String>, plan: &mut Plan) {
        if problems != self.problems {
            plan.problems.extend(problems.iter().cloned());
            self.problems = problems;
        }
    }
}

fn take_object(parsed: ParsedObject, objects: &mut BTreeMap<ObjectRef, Written>, problems: &mut Vec<String>) {
    let Some(object) = parsed.object_ref() else {
        problems.push(format!(
            "{}: {}: metadata.generateName needs kubectl create; give it a name",
            parsed.source, parsed.kind
        ));
        return;
    };
    if let Some(first) = objects.get(&object) {
        problems.push(defined_twice(&object, &parsed.source, &first.source));
    } else {
        objects.insert(object, Written { value: parsed.value, source: parsed.source });
    }
}

fn defined_twice(object: &ObjectRef, second: &Source, first: &Source) -> String {
    format!("{second}: {object} is defined at {first} already, and that one counts; remove one of them")
}

#[cfg(test)]
mod tests;
