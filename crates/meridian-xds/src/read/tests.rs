use super::*;
use serde_json::json;
use std::time::Duration;

fn read<T>(
    value: &Value,
    read: impl FnOnce(&Fields<'_>) -> Result<T, ReadError>,
) -> Result<(T, Vec<String>), ReadError> {
    let found = resource(value, "cluster a", |node| node.message(read))?;
    Ok((found.value, found.unsupported.into_iter().map(|one| format!("{}: {}", one.path, one.found)).collect()))
}

#[test]
fn what_nobody_reads_is_listed_with_its_path() {
    let value = json!({"@type": "t", "a": "x", "b": null, "list": [{"c": 1}, {"d.e": [true]}], "z": {"y": 1}});
    let found = read(&value, |fields| {
        for item in fields.list("list")? {
            item.message(|_| Ok(()))?;
        }
        fields.text("a").map(str::to_owned)
    });
    let unsupported = ["cluster a: list[0].c: 1", "cluster a: list[1].\"d.e\": [true]", "cluster a: z: {\"y\":1}"];
    assert_eq!(found.unwrap(), ("x".to_owned(), unsupported.map(str::to_owned).to_vec()));
}

#[test]
fn errors_say_where_what_and_what_instead() {
    let value = json!({"a": {"b": [1, "x"]}, "c": {"d": 1}, "wait": "1.5", "pick": "C", "port": 70000});
    let error = |get: &dyn Fn(&Fields<'_>) -> Result<(), ReadError>| read(&value, get).unwrap_err().to_string();
    let texts = |fields: &Fields<'_>| fields.need("a")?.message(|a| a.each("b", |one| one.name())).map(drop);
    assert_eq!(error(&texts), "cluster a: a.b[0]: found 1, allowed: text");
    let whole = |fields: &Fields<'_>| fields.need("c")?.whole(|c| c.flag("e")).map(drop);
    assert!(error(&whole).starts_with("cluster a: c.d: found 1, allowed: only"), "{}", error(&whole));
    let wait = |fields: &Fields<'_>| fields.some("wait", Node::duration).map(drop);
    assert_eq!(error(&wait), "cluster a: wait: found \"1.5\", allowed: a duration such as \"1.500s\"");
    let pick = |fields: &Fields<'_>| fields.choice("pick", &[("A", 1), ("B", 2)], 1).map(drop);
    assert_eq!(error(&pick), "cluster a: pick: found \"C\", allowed: A, B");
    let port = |fields: &Fields<'_>| fields.some("port", Node::u16).map(drop);
    assert_eq!(error(&port), "cluster a: port: found 70000, allowed: a number from 0 to 65535");
    let need = |fields: &Fields<'_>| fields.need("c")?.message(|c| c.need("name").map(drop));
    assert_eq!(error(&need), "cluster a: c: found {\"d\":1}, allowed: a message with name");
}

#[test]
fn scalars_are_read_as_protobuf_writes_them() {
    let value = json!({"a": "18446744073709551615", "b": 7, "c": "3.000000007s", "d": "0s", "e": "9223372036s"});
    let numbers = |fields: &Fields<'_>| Ok((fields.need("a")?.u64()?, fields.need("b")?.u64()?));
    assert_eq!(read(&value, numbers).unwrap().0, (u64::MAX, 7));
    let durations =
        |fields: &Fields<'_>| ["c", "d", "e"].into_iter().map(|name| fields.need(name)?.duration()).collect();
    let found: Vec<Duration> = read(&value, durations).unwrap().0;
    assert_eq!(found, [Duration::new(3, 7), Duration::ZERO, Duration::from_secs(9_223_372_036)]);
}

#[test]
fn what_is_always_the_same_is_noted_when_it_differs() {
    let value = json!({"same": false, "other": 1});
    let found = read(&value, |fields| {
        fields.always("same", &json!(false));
        fields.always("other", &json!(2));
        fields.always("missing", &json!(true));
        fields.known("absent", &json!(true));
        Ok(())
    });
    assert_eq!(
        found.unwrap().1,
        ["cluster a: no missing where the model always has true", "cluster a: other: 1"].map(str::to_owned)
    );
}
