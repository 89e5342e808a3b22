//! Measures a store on disk: `measure_store DIR [OBJECTS] [WRITERS]`.
//!
//! Opens it, writes ConfigMaps of 1.5 KB by several writers and then by one, changes them until the history is full, opens
//! it again, and prints times, the size of the file and the memory of the process.

use std::error::Error;
use std::time::{Duration, Instant};

use meridian_store::{GroupResource, Key, Store, StoreError, maintenance};
use serde_json::{Value, json};

/// As many as the history keeps.
const CHANGES: usize = 16_384;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: measure_store DIR [OBJECTS] [WRITERS]")?;
    let objects: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let writers: usize = arguments.next().map_or(Ok(16), |text| text.parse())?;
    let store = open(&dir)?;
    if store.get(&Key::namespace("default")).is_none() {
        store.create(Key::namespace("default"), json!({"metadata": {}})).await?;
    }
    let before = resident()?;
    let began = Instant::now();
    all(&store, objects, writers, |store, i| async move { store.create(key(i), value(i)).await.map(drop) }).await?;
    report(&format!("create, {writers} writers"), began.elapsed(), objects);
    println!("memory: {} KB more", (resident()? - before) >> 10);
    let began = Instant::now();
    for i in 0..500 {
        store.update(&key(i % objects), value(i + 1_000_000), None).await?;
    }
    report("update, one after the other", began.elapsed(), 500);
    let began = Instant::now();
    let change = move |store: Store, i: usize| async move {
        store.update(&key(i % objects), value(i + 2_000_000), None).await.map(drop)
    };
    all(&store, CHANGES, 512, change).await?;
    report("update, 512 writers", began.elapsed(), CHANGES);
    println!("memory: {} KB more", (resident()? - before) >> 10);
    drop(store);
    println!("file: {} KB", std::fs::metadata(format!("{dir}/store.redb"))?.len() >> 10);
    drop(open(&dir)?);
    let (bytes, now) = maintenance::compact(dir.as_ref())?;
    println!("compact: {} KB -> {} KB", bytes >> 10, now >> 10);
    drop(open(&dir)?);
    Ok(())
}

fn open(dir: &str) -> Result<Store, Box<dyn Error>> {
    let began = Instant::now();
    let store = Store::open(dir)?;
    println!("open: {:?}, {} objects", began.elapsed(), store.list_all().objects.len());
    Ok(store)
}

async fn all<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    store: &Store,
    count: usize,
    writers: usize,
    write: impl Fn(Store, usize) -> F + Copy + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let store = store.clone();
        tasks.spawn(async move {
            for i in (writer..count).step_by(writers) {
                match write(store.clone(), i).await {
                    Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
                    Err(other) => return Err(other),
                }
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn key(i: usize) -> Key {
    Key::new(GroupResource::new("", "configmaps"), "default", &format!("map-{i}"))
}

fn value(i: usize) -> Value {
    json!({"metadata": {"labels": {"app": "measure"}}, "data": {"number": i.to_string(), "padding": "x".repeat(1_400)}})
}

fn report(what: &str, elapsed: Duration, count: usize) {
    println!("{what}: {count} in {elapsed:?}, {:?} each", elapsed / u32::try_from(count).unwrap_or(u32::MAX).max(1));
}

/// The memory of this process in bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("no resident size")?.parse()?;
    Ok(pages * 4096)
}
