use super::*;

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value}}}\n")
}

fn scan(files: &[(&str, String)]) -> Scan {
    let files = files.iter().map(|(path, text)| (PathBuf::from(path), text.clone())).collect();
    Scan { files, ..Scan::default() }
}

fn put(plan: &Plan) -> Vec<String> {
    plan.put.iter().map(|(object, value, source)| format!("{object}={} {source}", value["data"]["key"])).collect()
}

fn deleted(plan: &Plan) -> Vec<String> {
    plan.delete.iter().map(ToString::to_string).collect()
}

#[test]
fn only_what_changed_is_put() {
    let mut folder = Folder::default();
    let two = |b: &str| format!("{}---\n{}", map("a", "one"), map("b", b));
    let plan = folder.take(&scan(&[("x.yaml", two("one"))]));
    assert_eq!(put(&plan), [r#"ConfigMap default/a="one" x.yaml:1"#, r#"ConfigMap default/b="one" x.yaml:6"#]);
    assert!(put(&folder.take(&scan(&[("x.yaml", two("one"))]))).is_empty());
    assert_eq!(put(&folder.take(&scan(&[("x.yaml", two("two"))]))), [r#"ConfigMap default/b="two" x.yaml:6"#]);
}

#[test]
fn what_no_file_has_is_deleted() {
    let mut folder = Folder::default();
    folder.take(&scan(&[("x.yaml", map("a", "one")), ("y.yaml", map("b", "one"))]));
    let plan = folder.take(&scan(&[("x.yaml", map("a", "one"))]));
    assert_eq!(deleted(&plan), ["ConfigMap default/b"]);
    // Moving an object to another file is no change of it.
    let plan = folder.take(&scan(&[("z.yaml", map("a", "one"))]));
    assert!(plan.put.is_empty() && plan.delete.is_empty());
}

#[test]
fn a_mistake_keeps_what_its_file_said_before_and_is_told_once() {
    let mut folder = Folder::default();
    folder.take(&scan(&[("x.yaml", format!("{}---\n{}", map("a", "one"), map("b", "one")))]));
    let broken = scan(&[("x.yaml", format!("{}---\nkind: [", map("a", "two")))]);
    let plan = folder.take(&broken);
    assert_eq!(put(&plan), [r#"ConfigMap default/a="two" x.yaml:1"#]);
    assert!(plan.delete.is_empty());
    assert!(plan.problems.len() == 1 && plan.problems[0].starts_with("x.yaml:"), "{:?}", plan.problems);
    assert!(folder.take(&broken).problems.is_empty());
    let mended = folder.take(&scan(&[("x.yaml", map("a", "two"))]));
    assert_eq!(deleted(&mended), ["ConfigMap default/b"]);
}

#[test]
fn of_two_files_the_first_counts() {
    let mut folder = Folder::default();
    let plan = folder.take(&scan(&[("x.yaml", map("a", "one")), ("y.yaml", map("a", "two"))]));
    assert_eq!(put(&plan), [r#"ConfigMap default/a="one" x.yaml:1"#]);
    assert!(plan.problems[0].contains("y.yaml:1") && plan.problems[0].contains("x.yaml:1"), "{:?}", plan.problems);
    // Said once, for as long as it is so.
    let with_another = [("x.yaml", map("a", "one")), ("y.yaml", map("a", "two")), ("z.yaml", map("b", "one"))];
    assert!(folder.take(&scan(&with_another)).problems.is_empty());
    folder.take(&scan(&with_another[..1]));
    assert_eq!(folder.take(&scan(&with_another)).problems.len(), 1);
}

#[test]
fn an_earlier_process_is_taken_over_from() {
    let object = |name: &str| ObjectRef {
        kind: meridian_resources::by_group_kind("", "ConfigMap").unwrap(),
        namespace: Some("default".into()),
        name: name.into(),
    };
    let earlier = || [(object("a"), PathBuf::from("x.yaml")), (object("b"), PathBuf::from("y.yaml"))];
    let plan = Folder::resume(earlier()).take(&scan(&[("x.yaml", map("a", "one"))]));
    assert_eq!(put(&plan), [r#"ConfigMap default/a="one" x.yaml:1"#]);
    assert_eq!(deleted(&plan), ["ConfigMap default/b"]);
    let plan = Folder::resume(earlier()).take(&scan(&[("x.yaml", "kind: [".into()), ("y.yaml", map("b", "one"))]));
    assert!(plan.delete.is_empty(), "a file that is bad from the start keeps what it gave before");
}

#[test]
fn what_could_not_be_done_is_tried_again() {
    let mut folder = Folder::default();
    let files = scan(&[("x.yaml", map("a", "one"))]);
    let plan = folder.take(&files);
    folder.not_done(&plan.put[0].0);
    assert_eq!(folder.take(&files).put.len(), 1);
}
