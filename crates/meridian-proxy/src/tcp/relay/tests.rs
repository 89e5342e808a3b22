use super::*;
use std::pin::pin;
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(20);

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Client, the relay's two sides, and the endpoint.
async fn chain() -> (TcpStream, (TcpStream, TcpStream), TcpStream) {
    let (client, accepted) = pair().await;
    let (connected, endpoint) = pair().await;
    (client, (accepted, connected), endpoint)
}

fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

/// Relays, by `splice` or by copying.
async fn relay(how: &str, sides: (TcpStream, TcpStream), idle: Duration, traffic: &Traffic) -> RelayEnd {
    let (mut client, mut upstream) = sides;
    match how {
        "splice" => splice(&mut client, &mut upstream, idle, traffic).await,
        _ => {
            // What `copy_tls` does, without the TLS.
            let moved = |direction| move |bytes| traffic.moved(direction, bytes);
            let (mut to_client, mut to_upstream) = (Shared(&client), Shared(&upstream));
            let (mut client, mut upstream) = (Shared(&client), Shared(&upstream));
            let (received, sent) = (moved(&traffic.received), moved(&traffic.sent));
            let outward = copy_one_way(&mut client, &mut to_upstream, Side::Client, Side::Upstream, received);
            let inward = copy_one_way(&mut upstream, &mut to_client, Side::Upstream, Side::Client, sent);
            finish(async { tokio::try_join!(outward, inward) }, idle, traffic).await
        }
    }
}

const WAYS: [&str; 2] = ["splice", "copy"];

#[tokio::test]
async fn megabytes_pass_both_ways_and_are_counted() {
    for how in WAYS {
        let (client, sides, endpoint) = chain().await;
        let traffic = Traffic::default();
        let (up, down) = (bytes(5_000_000), bytes(7_000_001));
        let talk = |stream: TcpStream, send: Vec<u8>| async move {
            let (mut read, mut write) = stream.into_split();
            let mut got = Vec::new();
            let send = async {
                write.write_all(&send).await.unwrap();
                write.shutdown().await.unwrap();
            };
            let (_, received) = tokio::join!(send, read.read_to_end(&mut got));
            received.unwrap();
            got
        };
        let (end, at_client, at_endpoint) =
            tokio::join!(relay(how, sides, PATIENCE, &traffic), talk(client, up.clone()), talk(endpoint, down.clone()));
        assert_eq!(end, RelayEnd::Closed, "{how}");
        assert!(at_endpoint == up && at_client == down, "{how}: bytes differ");
        assert_eq!((traffic.received.get(), traffic.sent.get()), (5_000_000, 7_000_001), "{how}");
    }
}

#[tokio::test]
async fn the_end_of_one_direction_leaves_the_other_open() {
    for how in WAYS {
        let (mut client, sides, mut endpoint) = chain().await;
        let traffic = Traffic::default();
        let talk = async {
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut question = String::new();
            endpoint.read_to_string(&mut question).await.unwrap();
            endpoint.write_all(b"answer").await.unwrap();
            drop(endpoint);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            (question, answer)
        };
        let (end, said) = tokio::join!(relay(how, sides, PATIENCE, &traffic), talk);
        assert_eq!((end, said), (RelayEnd::Closed, ("question".to_owned(), "answer".to_owned())), "{how}");
    }
}

#[tokio::test]
async fn a_reset_tells_whose() {
    for how in WAYS {
        for (which, expected) in [("client", RelayEnd::ClientReset), ("endpoint", RelayEnd::UpstreamReset)] {
            let (client, sides, endpoint) = chain().await;
            let (reset, kept) = if which == "client" { (client, endpoint) } else { (endpoint, client) };
            socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
            drop(reset);
            assert_eq!(relay(how, sides, PATIENCE, &Traffic::default()).await, expected, "{how}");
            drop(kept);
        }
    }
}

#[tokio::test]
async fn silence_ends_it_and_bytes_put_that_off() {
    for how in WAYS {
        let (mut client, sides, mut endpoint) = chain().await;
        let traffic = Traffic::default();
        let idle = Duration::from_millis(400);
        let begun = Instant::now();
        let talk = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                client.write_all(b"x").await.unwrap();
                endpoint.read_exact(&mut [0]).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let end = tokio::select! {
            end = relay(how, sides, idle, &traffic) => end,
            () = talk => unreachable!("it never ends"),
        };
        assert_eq!(end, RelayEnd::Idle, "{how}");
        assert!(begun.elapsed() >= Duration::from_millis(900) && traffic.received.get() == 5, "{how}");
    }
}

#[tokio::test]
async fn a_slow_receiver_holds_the_sender_back() {
    let (client, mut sides, mut endpoint) = chain().await;
    let traffic = Traffic::default();
    let mut relay = pin!(splice(&mut sides.0, &mut sides.1, PATIENCE, &traffic));
    let chunk = bytes(64 * 1024);
    // Nobody reads at the endpoint: all buffers on the way fill, and then the client's too.
    let fill = async {
        let mut written = 0;
        while let Ok(result) = tokio::time::timeout(Duration::from_millis(300), client.writable()).await {
            result.unwrap();
            written += client.try_write(&chunk).unwrap_or(0);
        }
        written
    };
    let written = tokio::select! {
        written = fill => written,
        end = &mut relay => panic!("{end:?}"),
    };
    drop(client);
    let mut received = 0;
    let drain = async {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(bytes @ 1..) = endpoint.read(&mut buffer).await {
            received += bytes;
        }
        drop(endpoint);
    };
    let (_, end) = tokio::join!(drain, relay);
    assert_eq!((received, end), (written, RelayEnd::Closed));
}

#[tokio::test]
async fn pipes_are_used_again_and_a_quiet_connection_has_none() {
    let open = || {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(Result::ok)
            .filter(|entry| {
                std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("pipe:"))
            })
            .count()
    };
    let mut relays = Vec::new();
    let mut ends = Vec::new();
    let tasks = tokio::task::LocalSet::new();
    for _ in 0..50 {
        let (client, sides, endpoint) = chain().await;
        relays.push(tasks.spawn_local(async move { relay("splice", sides, PATIENCE, &Traffic::default()).await }));
        ends.push((client, endpoint));
    }
    let before = open();
    tasks
        .run_until(async {
            for (client, endpoint) in &mut ends {
                // More than is copied.
                let (sent, mut got) = (bytes(COPIED_FIRST * 2), vec![0; COPIED_FIRST * 2]);
                let (written, read) = tokio::join!(client.write_all(&sent), endpoint.read_exact(&mut got));
                written.and(read.map(drop)).unwrap();
                assert!(sent == got);
            }
            // Other tests of this process have pipes too, but not fifty.
            assert!(open() < before + 50, "{} pipes before, {} after", before, open());
        })
        .await;
}
