//! Measures the API over a store on disk: `measure DIR [OBJECTS]`.
//!
//! Writes VirtualServices through the same checks as the HTTP API does, by 64 writers and then by one, reads and lists
//! them over HTTP, and prints times, the size of the file and the memory of the process.

use std::error::Error;
use std::time::{Duration, Instant};

use meridian_apiserver::{Api, Options, Server};
use meridian_resources::{Kind, by_plural};
use meridian_store::Store;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const WRITERS: usize = 64;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: measure DIR [OBJECTS]")?;
    let objects: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let before = resident()?;
    let opening = Instant::now();
    let store = Store::open(&dir)?;
    println!("open: {:?}, {} objects", opening.elapsed(), store.list_all().objects.len());
    let server = Server::new(store, Options::default()).await?;
    let api = server.api().clone();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(server.serve(listener, std::future::pending()));
    let kind = by_plural("networking.istio.io", "virtualservices").ok_or("a kind is missing")?;

    let started = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write_all(api.clone(), kind, (writer..objects).step_by(WRITERS).collect())))
        .collect();
    for writer in writers {
        writer.await?;
    }
    report("write, 64 writers", started.elapsed(), objects);
    println!("memory: {} MB more than at the start", (resident()? - before) >> 20);
    println!("file: {} MB", std::fs::metadata(format!("{dir}/store.redb"))?.len() >> 20);

    let count = 500.min(objects);
    let started = Instant::now();
    for i in 0..count {
        let mut object = route(i);
        object["spec"]["hosts"][0] = format!("changed-{i}-{}.example.com", started.elapsed().as_nanos()).into();
        api.put(kind, object).await?;
    }
    report("write, one after the other", started.elapsed(), count);

    let mut client = TcpStream::connect(address).await?;
    client.set_nodelay(true)?;
    let path = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";
    let started = Instant::now();
    for i in 0..count {
        get(&mut client, &format!("{path}/route-{i}"), "application/json").await?;
    }
    report("GET over one connection", started.elapsed(), count);
    for (what, accept) in
        [("list", "application/json"), ("list as a table", "application/json;as=Table;v=v1;g=meta.k8s.io")]
    {
        let started = Instant::now();
        let bytes = get(&mut client, path, accept).await?;
        println!("{what}: {:?}, {} MB", started.elapsed(), bytes >> 20);
    }
    Ok(())
}

async fn write_all(api: Api, kind: &'static Kind, numbers: Vec<usize>) {
    for number in numbers {
        if let Err(error) = api.put(kind, route(number)).await {
            eprintln!("route-{number}: {error}");
        }
    }
}

/// A VirtualService as `kubectl apply` leaves it: with the applied text as an annotation.
fn route(number: usize) -> Value {
    let mut object = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": format!("route-{number}"), "namespace": "default"},
        "spec": {
            "hosts": [format!("host-{number}.example.com")], "gateways": ["gateway"],
            "http": [{
                "match": [{"uri": {"prefix": format!("/path-{number}")}}, {"headers": {"x-test": {"exact": "yes"}}}],
                "route": [{"destination": {"host": "httpbin.default.svc.cluster.local", "port": {"number": 8000}}}],
                "timeout": "10s",
            }],
        },
    });
    let text = object.to_string();
    object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": text});
    object
}

fn report(what: &str, elapsed: Duration, count: usize) {
    let each = elapsed / u32::try_from(count).unwrap_or(u32::MAX).max(1);
    println!("{what}: {count} in {elapsed:?}, {each:?} each");
}

/// Sends a request and reads the whole answer, which has a length. Returns the length.
async fn get(client: &mut TcpStream, path: &str, accept: &str) -> Result<usize, Box<dyn Error>> {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n").as_bytes()).await?;
    let mut buffer = vec![0; 1 << 20];
    let mut filled = 0;
    let head = loop {
        filled += client.read(&mut buffer[filled..]).await?;
        if let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?.parse()?;
    let mut read = filled - head;
    while read < length {
        match client.read(&mut buffer).await? {
            0 => return Err("the answer is cut short".into()),
            n => read += n,
        }
    }
    Ok(length)
}

/// The memory of this process in bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("no resident size")?.parse()?;
    Ok(pages * 4096)
}
