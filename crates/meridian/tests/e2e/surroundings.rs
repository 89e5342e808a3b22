//! A disk that does not take writes: at the start, and from one moment to the next.

use crate::support::{Meridian, eventually, loopback};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n")
}

fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "SKIPPED: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// A command that sees `folder`, and all below it, as a disk that nobody may write to.
fn read_only(folder: &Path) -> Command {
    const SCRIPT: &str = r#"mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", SCRIPT]).arg(folder);
    command
}

#[test]
fn a_data_folder_that_is_read_only_is_told_at_the_start() {
    let scratch = tempfile::tempdir().unwrap();
    if !read_only(scratch.path()).arg("true").output().is_ok_and(|output| output.status.success()) {
        return skip("no mount namespace can be made here");
    }
    let (data, address) = (scratch.path().join("data"), loopback());
    let mut meridian = Meridian::start_in(&data, address, &[]);
    meridian.applied(&config_map("kept"));
    meridian.kill();
    let before = fs::read(data.join("store.redb")).unwrap();
    for folder in [data.clone(), scratch.path().join("new")] {
        let mut command = read_only(scratch.path());
        command.arg(env!("CARGO_BIN_EXE_meridian"));
        let mut refused = Meridian::spawn_by(command, &folder, address, &[]);
        let said = refused.wait_for_log("Read-only file system");
        assert!(said.contains(folder.to_str().unwrap()), "the folder is named: {said}");
        assert!(refused.log().contains("--data") || refused.log().contains("can write to"), "{}", refused.log());
        assert_eq!(refused.ended(), Some(1));
    }
    assert!(fs::read(data.join("store.redb")).unwrap() == before, "nothing was written");
    let meridian = Meridian::start_in(&data, address, &[]);
    assert!(meridian.kubectl(["get", "configmap", "kept"]).status.success());
}

/// A small file system in a file, which the kernel makes read-only when it finds an error, as it does with a disk that
/// breaks.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
    /// Holds the name of the device while it is mounted.
    device: PathBuf,
}

impl Disk {
    /// Nothing, said loudly, where no file system can be mounted.
    fn new(folder: &Path) -> Option<Disk> {
        let disk = Disk { image: folder.join("image"), mounted: folder.join("mounted"), device: folder.join("device") };
        fs::create_dir(&disk.mounted).unwrap();
        fs::File::create(&disk.image).unwrap().set_len(64 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image).output();
        let usable = made.is_ok_and(|output| output.status.success())
            && disk.command().arg("true").output().is_ok_and(|output| output.status.success());
        if !usable {
            skip("no file system can be mounted here: this test needs root, loop devices and mkfs.ext4");
            return None;
        }
        Some(disk)
    }

    /// A command that mounts the disk for itself.
    fn command(&self) -> Command {
        const SCRIPT: &str = r#"mount -o loop,errors=remount-ro "$0" "$1" && findmnt -no SOURCE "$1" > "$2" && shift 2 &&
            exec "$@""#;
        self.is_free();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT]).args([&self.image, &self.mounted, &self.device]);
        command
    }

    /// Waits until nobody has the disk mounted any more.
    fn is_free(&self) {
        let users = || Command::new("losetup").arg("-j").arg(&self.image).output().map(|output| output.stdout);
        eventually(
            "the disk is free",
            || users().is_ok_and(|users| users.is_empty()).then_some(()),
            || format!("{:?}", users()),
        );
    }

    fn start(&self) -> Meridian {
        let mut command = self.command();
        command.arg(env!("CARGO_BIN_EXE_meridian"));
        let data = self.mounted.join("data");
        let mut meridian = Meridian::spawn_by(command, &data, loopback(), &[]);
        meridian.wait_for_log("ready");
        // The disk is there for that process only.
        meridian.data = PathBuf::from(format!("/proc/{}/root{}", meridian.id(), data.display()));
        meridian
    }

    /// Makes the kernel find an error.
    fn breaks(&self) {
        let device = fs::read_to_string(&self.device).unwrap();
        let name = device.trim().trim_start_matches("/dev/");
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
    }

    fn repair(&self) {
        self.is_free();
        let output = Command::new("e2fsck").arg("-fy").arg(&self.image).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    }
}

#[test]
fn a_disk_that_breaks_while_running_loses_nothing_that_was_answered() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(scratch.path()) else { return };
    let mut meridian = disk.start();
    meridian.applied(&config_map("kept"));
    disk.breaks();
    for name in ["refused", "too"] {
        let output = meridian.apply(&config_map(name));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("the write is not on disk"), "{said}");
        assert!(said.contains("repair the disk"), "{said}");
    }
    // Reading goes on, and shows what is on disk.
    let names = |meridian: &Meridian| {
        let output = meridian.kubectl(["get", "configmaps", "-o", "name"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let ours = text.lines().filter(|name| !name.ends_with("ca-root-cert"));
        ours.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&meridian), ["configmap/kept"]);
    meridian.kill();
    disk.repair();
    let mut meridian = disk.start();
    assert_eq!(names(&meridian), ["configmap/kept"]);
    meridian.applied(&config_map("after"));
    assert_eq!(names(&meridian), ["configmap/after", "configmap/kept"]);
    meridian.kill();
    disk.is_free();
}
