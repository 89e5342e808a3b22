//! The client against the API of the same process.
#![allow(clippy::unwrap_used)]

use meridian_apiserver::{Api, Caller};
use meridian_kube::{Change, Client, Error, Watch};
use meridian_resources::{Kind, kind};
use meridian_store::{GroupResource, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn config_maps() -> &'static Kind {
    kind::by_group_kind("", "ConfigMap").unwrap()
}

fn map(name: &str, text: &str) -> Value {
    let metadata = json!({"name": name, "namespace": "default"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}})
}

/// The ConfigMaps of `default` as a reader of changes believes them to be.
#[derive(Default)]
struct Cache {
    texts: BTreeMap<String, String>,
    lists: usize,
}

impl Cache {
    async fn read_until(&mut self, watch: &mut Watch, mut over: impl FnMut(&Change, &Cache) -> bool) {
        let read = async {
            loop {
                let change = watch.next().await.expect("the runtime goes on");
                self.take(&change);
                if over(&change, self) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("in time");
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::Put { kind, object } if *kind == config_maps() && object["metadata"]["namespace"] == "default" => {
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                self.texts.insert(name, object["data"]["text"].as_str().unwrap_or_default().to_owned());
            }
            Change::Gone { kind, namespace, name } if *kind == config_maps() && namespace == "default" => {
                self.texts.remove(name);
            }
            Change::Listed { kind, objects } if *kind == config_maps() => {
                self.lists += 1;
                self.texts.retain(|name, _| objects.contains(&("default".to_owned(), name.clone())));
            }
            _ => {}
        }
    }
}

/// The history is so short that a reader who stands still is told 410.
#[tokio::test]
async fn a_reader_who_falls_behind_reads_everything_again() {
    let store = Store::memory_with_history(64).unwrap();
    let api = Api::new(store).await.unwrap();
    let client = Client::in_process(api.connect(Caller::meridian()));
    let mut watch = client.watch(kind::all());
    let mut cache = Cache::default();
    cache.read_until(&mut watch, |change, _| matches!(change, Change::InStep)).await;
    assert_eq!(cache.lists, 1);

    for number in 0..4000 {
        let name = format!("map-{}", number % 100);
        api.put(config_maps(), map(&name, &number.to_string())).await.unwrap();
        if number % 7 == 0 {
            api.remove(config_maps(), "default", &name).await.unwrap();
        }
    }
    api.put(config_maps(), map("last", "last")).await.unwrap();
    cache
        .read_until(&mut watch, |change, cache| {
            cache.texts.contains_key("last") && cache.lists > 1 && !matches!(change, Change::Put { .. })
        })
        .await;
    let truth: BTreeMap<String, String> = api
        .store()
        .list(&GroupResource::of(config_maps()), Some("default"))
        .objects
        .iter()
        .map(|object| {
            (
                object.key().name.to_string(),
                object.to_value("", "")["data"]["text"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    assert_eq!(cache.texts, truth);
    // What happens from now on is told one by one.
    api.put(config_maps(), map("after", "x")).await.unwrap();
    cache.read_until(&mut watch, |_, cache| cache.texts.contains_key("after")).await;
}

#[tokio::test]
async fn objects_are_written_as_on_kubernetes() {
    let api = Api::new(Store::memory().unwrap()).await.unwrap();
    let client = Client::in_process(api.connect(Caller::meridian()));
    client.create(&map("a", "1")).await.unwrap();
    assert!(matches!(client.create(&map("a", "1")).await, Err(Error::AlreadyExists(_))));

    // What others have set stays.
    client.apply(&map("b", "1")).await.unwrap();
    client.merge("v1", "ConfigMap", "default", "b", &json!({"data": {"other": "x"}})).await.unwrap();
    let applied = client.apply(&map("b", "2")).await.unwrap();
    assert_eq!(applied["data"], json!({"text": "2", "other": "x"}));
    let again = client.apply(&map("b", "2")).await.unwrap();
    assert_eq!(again["metadata"]["resourceVersion"], applied["metadata"]["resourceVersion"], "nothing was written");

    let mut old = client.get("v1", "ConfigMap", "default", "a").await.unwrap().unwrap();
    old["metadata"]["resourceVersion"] = "1".into();
    assert!(matches!(client.replace(&old).await, Err(Error::Conflict(_))));
    client.delete("v1", "ConfigMap", "default", "a").await.unwrap();
    assert!(matches!(client.delete("v1", "ConfigMap", "default", "a").await, Err(Error::NotFound(_))));
    assert_eq!(client.get("v1", "ConfigMap", "default", "a").await, Ok(None));
    // A kind that is only known to the server.
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "ConfigMap", "namespace": "default", "name": "b"}, "reason": "Seen", "message": "m",
    });
    client.create(&event).await.unwrap();
    assert_eq!(client.names("v1", "Event").await, Ok(vec![("default".to_owned(), "e".to_owned())]));
}
