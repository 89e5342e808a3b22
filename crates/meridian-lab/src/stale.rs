//! What a killed runner left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::tool;

/// Where `ip netns` keeps its namespaces, and the files that replace those of `/etc` in them.
pub(crate) const NAMESPACES: &str = "/run/netns";
pub(crate) const REPLACEMENTS: &str = "/etc/netns";

const NAME: &str = "mlab";

/// A prefix for a new lab: no other live process has it, and neither has another lab of this one.
pub(crate) fn new_prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{NAME}{}x{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Removes the labs whose runner is no longer alive.
pub(crate) fn sweep() {
    for prefix in
        leftovers(&names_in(NAMESPACES), &names_in(REPLACEMENTS), |id| Path::new(&format!("/proc/{id}")).exists())
    {
        remove(&prefix);
    }
}

/// Ends whatever runs in the namespaces of the lab with `prefix`, and removes them.
///
/// Nothing can be done about a failure here; the next sweep tries again.
pub(crate) fn remove(prefix: &str) {
    let own = |names: Vec<String>| {
        names.into_iter().filter(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-')))
    };
    for namespace in own(names_in(NAMESPACES)) {
        let inhabitants = tool::run(tool::command(None, "ip").args(["netns", "pids", &namespace])).unwrap_or_default();
        let inhabitants: Vec<_> = inhabitants.split_whitespace().collect();
        if !inhabitants.is_empty() {
            let _ = tool::run(tool::command(None, "kill").arg("-KILL").args(&inhabitants));
        }
        let _ = tool::run(tool::command(None, "ip").args(["netns", "delete", &namespace]));
    }
    for replacement in own(names_in(REPLACEMENTS)) {
        let _ = fs::remove_file(Path::new(REPLACEMENTS).join(replacement));
    }
}

fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The prefixes among `namespaces` and `replacements` whose process is not alive.
fn leftovers(namespaces: &[String], replacements: &[String], is_alive: impl Fn(u32) -> bool) -> BTreeSet<String> {
    let prefixes = namespaces.iter().chain(replacements).filter_map(|name| {
        let (prefix, _) = name.split_once('-')?;
        let id = prefix.strip_prefix(NAME)?.split_once('x')?.0.parse().ok()?;
        (!is_alive(id)).then(|| prefix.to_owned())
    });
    prefixes.collect()
}

#[cfg(test)]
mod tests {
    use super::{leftovers, new_prefix};

    #[test]
    fn leftovers_are_labs_of_dead_runners_and_nothing_else() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let namespaces =
            names(&["mlab7x0-net", "mlab7x0-client", "mlab8x1-net", "mlab-net", "mlabxx0-net", "other-7", "mlab7"]);
        let found = leftovers(&namespaces, &names(&["mlab9x0-net"]), |id| id == 8);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["mlab7x0", "mlab9x0"]);
    }

    #[test]
    fn prefixes_differ() {
        assert_ne!(new_prefix(), new_prefix());
    }
}
