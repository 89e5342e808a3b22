//! Control groups of version 2: finding the hierarchy, and a group of one's own in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use meridian_redirect::nftables::Cgroup;

/// Where `nft` looks for control groups.
const ROOT: &str = "/sys/fs/cgroup";
/// How often, and how many times, a group is asked whether its processes are gone.
const PAUSE: Duration = Duration::from_millis(10);
const ATTEMPTS: u32 = 500;

/// The hierarchy of version 2.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hierarchy {
    mount: PathBuf,
}

/// A control group, removed when dropped.
#[derive(Debug)]
pub(super) struct Group {
    hierarchy: Hierarchy,
    name: String,
}

impl Hierarchy {
    /// Finds where it is mounted.
    ///
    /// # Errors
    /// It is not, or not where `nft` would see it.
    pub(super) fn find() -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
        let Some(mount) = of_mounts(&mounts) else {
            bail!(
                "there are no control groups of version 2 below {ROOT}, by which the kernel tells the command's traffic \
                 from others'; mount them (mount -t cgroup2 none {ROOT}/unified), or give the workload a network \
                 namespace with `meridian sidecar` and `meridian redirect apply` in it"
            );
        };
        Ok(Self { mount })
    }

    /// Makes a group below the root of the hierarchy.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn make(&self, name: &str) -> anyhow::Result<Group> {
        let folder = self.mount.join(name);
        fs::create_dir(&folder)
            .with_context(|| format!("cannot make the control group {}; are you root?", folder.display()))?;
        Ok(Group { hierarchy: self.clone(), name: name.to_owned() })
    }

    /// The names of the groups below the root.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.mount)?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// Ends what runs in the group `name`, and removes it.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        let folder = self.mount.join(name);
        let attempt = || {
            fs::write(folder.join("cgroup.kill"), "1")?;
            fs::remove_dir(&folder)
        };
        for _ in 0..ATTEMPTS {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                // Processes take a moment to end.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(PAUSE),
                Err(error) => return Err(error).with_context(|| format!("cannot remove {}", folder.display())),
            }
        }
        bail!("the processes in {} do not end", folder.display())
    }
}

impl Group {
    /// The group as rules name it.
    pub(super) fn path(&self) -> Cgroup {
        let inside = self.hierarchy.mount.strip_prefix(ROOT).unwrap_or(Path::new(""));
        Cgroup { path: inside.join(&self.name).display().to_string(), level: 1 }
    }

    /// Runs `start` while this process is in the group, so that what it starts is born there; no moment of a child's
    /// life is outside.
    ///
    /// # Errors
    /// The kernel refuses to move this process, or `start` fails.
    pub(super) fn inside<T>(&self, start: impl FnOnce() -> io::Result<T>) -> anyhow::Result<T> {
        let memberships = fs::read_to_string("/proc/self/cgroup").context("cannot read /proc/self/cgroup")?;
        let home = memberships.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        let enter = |group: &str| {
            let file = self.hierarchy.mount.join(group).join("cgroup.procs");
            fs::write(&file, "0").with_context(|| format!("cannot enter the control group at {}", file.display()))
        };
        enter(&self.name)?;
        let started = start();
        enter(home)?;
        Ok(started?)
    }

    /// Ends everything that runs in it, and waits until nothing does.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) async fn kill(&self) -> anyhow::Result<()> {
        let folder = self.hierarchy.mount.join(&self.name);
        for _ in 0..ATTEMPTS {
            fs::write(folder.join("cgroup.kill"), "1").context("cannot end the processes of the control group")?;
            let events = fs::read_to_string(folder.join("cgroup.events")).context("cannot read cgroup.events")?;
            if events.lines().any(|line| line == "populated 0") {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the processes in {} do not end", folder.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.hierarchy.remove(&self.name) {
            eprintln!("meridian: {error:#}");
        }
    }
}

/// The mount of version 2 in the text of `/proc/mounts`, if it lies where `nft` looks.
fn of_mounts(mounts: &str) -> Option<PathBuf> {
    let mut found = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (place, kind) = (words.nth(1)?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(place))
    });
    found.find(|place| place.starts_with(ROOT))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Group, Hierarchy, of_mounts};

    #[test]
    fn the_hierarchy_is_the_mount_of_version_2() {
        for (mounts, found) in [
            ("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n", Some("/sys/fs/cgroup")),
            (
                "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
                Some("/sys/fs/cgroup/unified"),
            ),
            ("cgroup2 /mnt/cgroup cgroup2 rw 0 0\n", None),
            ("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n", None),
        ] {
            assert_eq!(of_mounts(mounts), found.map(PathBuf::from), "{mounts}");
        }
    }

    #[test]
    fn rules_name_a_group_by_its_path_below_the_root_of_all() {
        for (mount, path) in [("/sys/fs/cgroup", "x"), ("/sys/fs/cgroup/unified", "unified/x")] {
            let group =
                std::mem::ManuallyDrop::new(Group { hierarchy: Hierarchy { mount: mount.into() }, name: "x".into() });
            assert_eq!((group.path().path.as_str(), group.path().level), (path, 1));
        }
    }
}
