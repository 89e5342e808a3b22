//! What a folder of YAML holds at one moment.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The YAML and JSON files below a folder, with their text, by path relative to it.
///
/// Names that begin with a dot are passed over: editors' leftovers, and the `..data` folders that Kubernetes swaps when
/// it updates a mounted ConfigMap. The files themselves may be symbolic links, as they are in such a mount.
///
/// # Errors
/// The folder, or a folder in it, cannot be read. A file that vanishes meanwhile is passed over; one that cannot be read
/// is reported beside the others.
pub(crate) fn scan(dir: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    visit(dir, Path::new(""), &mut scan)?;
    Ok(scan)
}

/// See [`scan`].
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scan {
    /// Text by relative path.
    pub files: BTreeMap<PathBuf, String>,
    /// Files that could not be read, with the reason.
    pub unreadable: BTreeMap<PathBuf, String>,
}

fn visit(dir: &Path, relative: &Path, scan: &mut Scan) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let relative = relative.join(&name);
        // Follows links.
        let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            // A linked folder may lead back here; Kubernetes links files only.
            if !entry.file_type()?.is_symlink() {
                visit(&entry.path(), &relative, scan)?;
            }
        } else if is_configuration(&relative) {
            read(&entry.path(), relative, scan);
        }
    }
    Ok(())
}

fn read(path: &Path, relative: PathBuf, scan: &mut Scan) {
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => {
            scan.files.insert(relative, text);
        }
        Ok(Err(error)) => {
            let at = error.utf8_error().valid_up_to();
            scan.unreadable.insert(relative, format!("not UTF-8 text (byte {at})"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            scan.unreadable.insert(relative, error.to_string());
        }
    }
}

fn is_configuration(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(scan: &Scan) -> Vec<&str> {
        scan.files.keys().map(|path| path.to_str().unwrap()).collect()
    }

    #[test]
    fn files_of_all_folders_but_hidden_ones() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("sub/.git")).unwrap();
        for file in ["a.yaml", "b.yml", "c.json", "readme.md", ".swp.yaml", "sub/d.yaml", "sub/.git/e.yaml"] {
            std::fs::write(dir.path().join(file), file).unwrap();
        }
        let scan = scan(dir.path()).unwrap();
        assert_eq!(names(&scan), ["a.yaml", "b.yml", "c.json", "sub/d.yaml"]);
    }

    #[test]
    fn a_mounted_configmap_is_read_through_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir(root.join("..2026_1")).unwrap();
        std::fs::write(root.join("..2026_1/a.yaml"), "one").unwrap();
        symlink("..2026_1", root.join("..data")).unwrap();
        symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
        assert_eq!(scan(root).unwrap().files[Path::new("a.yaml")], "one");

        std::fs::create_dir(root.join("..2026_2")).unwrap();
        std::fs::write(root.join("..2026_2/a.yaml"), "two").unwrap();
        symlink("..2026_2", root.join("..data_tmp")).unwrap();
        std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
        assert_eq!(scan(root).unwrap().files[Path::new("a.yaml")], "two");
    }

    #[test]
    fn a_file_that_is_not_text_is_named_and_hides_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bad.yaml"), b"a: \xff").unwrap();
        std::fs::write(dir.path().join("good.yaml"), "a: 1").unwrap();
        let scan = scan(dir.path()).unwrap();
        assert_eq!(names(&scan), ["good.yaml"]);
        assert_eq!(scan.unreadable[Path::new("bad.yaml")], "not UTF-8 text (byte 3)");
    }
}
