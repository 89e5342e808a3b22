use super::*;
use crate::outcome::Flags;
use crate::record::{Downstream, NoHeaders, Protocol, Record, Timeline, Upstream, WireBytes};
use meridian_ir::AccessLog;
use meridian_ir::access_log::LogFormat;
use meridian_ir::format::Format;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

/// A record whose only value is its number of bytes.
fn with_record(bytes_sent: u64, with: impl FnOnce(&Record<'_>)) {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let downstream = Downstream {
        connection_id: 1,
        local: address,
        remote: address,
        direct_remote: address,
        server_name: None,
        tls_version: None,
        tls_cipher: None,
        tls_failure: None,
        direct_local: SocketAddr::from(([127, 0, 0, 1], 80)),
        tls_group: None,
        handshake: None,
        peer: None,
        direction: meridian_ir::listener::Direction::Outbound,
        workload: None,
        local_certificate: None,
    };
    with(&Record {
        protocol: Protocol::Tcp,
        start: SystemTime::now(),
        timeline: Timeline::default(),
        request: &NoHeaders,
        response: &NoHeaders,
        trailers: &NoHeaders,
        response_code: 0,
        flags: Flags::default(),
        details: None,
        connection_termination: None,
        bytes_received: 0,
        bytes_sent,
        request_head_bytes: 0,
        response_head_bytes: 0,
        wire: WireBytes::default(),
        downstream,
        upstream: Upstream::default(),
        route_name: "",
        filter_chain_name: "",
    });
}

fn log_to(path: &Path) -> AccessLog {
    AccessLog {
        path: path.to_str().unwrap().into(),
        format: LogFormat::Text(Arc::new(Format::parse("%BYTES_SENT%\n").unwrap())),
        filter: None,
    }
}

fn write(logs: &WorkerLogs, log: &AccessLog, number: u64) {
    let log = logs.open(log);
    with_record(number, |record| logs.write(&log, record));
}

fn numbers(path: &Path) -> Vec<u64> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

struct Setup {
    folder: tempfile::TempDir,
    writer: Arc<Writer>,
}

fn setup(stdout_override: Option<&str>) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let mut options = ProxyOptions::new("test");
    options.access_log_file = stdout_override.map(|name| folder.path().join(name));
    Setup { folder, writer: Writer::start(&options).unwrap() }
}

#[test]
fn lines_of_several_workers_arrive_whole_and_in_order() {
    let setup = setup(None);
    let path = setup.folder.path().join("log");
    let log = log_to(&path);
    std::thread::scope(|scope| {
        for worker in 0..3_u64 {
            let (writer, log) = (&setup.writer, &log);
            scope.spawn(move || {
                let logs = writer.worker();
                let log = logs.open(log);
                for number in 0..30_000 {
                    with_record(worker * 1_000_000 + number, |record| logs.write(&log, record));
                }
            });
        }
    });
    let counters = setup.writer.counters();
    setup.writer.stop();
    let written = numbers(&path);
    assert_eq!(written.len(), 90_000);
    assert_eq!(counters.lines_written.load(Ordering::Relaxed), 90_000);
    for worker in 0..3_u64 {
        let own: Vec<u64> =
            written.iter().filter(|number| **number / 1_000_000 == worker).map(|n| n % 1_000_000).collect();
        assert!(own.iter().copied().eq(0..30_000), "worker {worker}");
    }
}

#[test]
fn standard_output_can_go_to_a_file() {
    let setup = setup(Some("instead"));
    let log = log_to(Path::new("/dev/stdout"));
    let logs = setup.writer.worker();
    write(&logs, &log, 5);
    drop(logs);
    setup.writer.stop();
    assert_eq!(numbers(&setup.folder.path().join("instead")), [5]);
}

#[tokio::test(start_paused = true)]
async fn a_line_is_handed_over_without_being_asked() {
    let setup = setup(None);
    let path = setup.folder.path().join("log");
    let log = log_to(&path);
    let logs = setup.writer.worker();
    write(&logs, &log, 5);
    let counters = setup.writer.counters();
    let written = async {
        while counters.lines_written.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = logs.flush_regularly() => {}
        () = written => {}
    }
    assert_eq!(numbers(&path), [5]);
    setup.writer.stop();
}

#[test]
fn a_file_that_was_moved_away_is_opened_again() {
    let setup = setup(None);
    let (path, rotated) = (setup.folder.path().join("log"), setup.folder.path().join("log.1"));
    let log = log_to(&path);
    let logs = setup.writer.worker();
    let counters = setup.writer.counters();
    let log_one = |number, total| {
        write(&logs, &log, number);
        logs.flush();
        while counters.lines_written.load(Ordering::Relaxed) < total {
            std::thread::yield_now();
        }
    };
    log_one(1, 1);
    std::fs::rename(&path, &rotated).unwrap();
    setup.writer.reopen();
    log_one(2, 2);
    assert_eq!((numbers(&rotated), numbers(&path)), (vec![1], vec![2]));
    // Without being told, it is noticed too.
    std::fs::remove_file(&path).unwrap();
    while !path.exists() {
        log_one(3, counters.lines_written.load(Ordering::Relaxed) + 1);
    }
    setup.writer.stop();
    assert!(numbers(&path).iter().all(|number| *number == 3));
}

#[test]
fn a_target_that_cannot_be_opened_is_counted() {
    let setup = setup(None);
    let log = log_to(&setup.folder.path().join("no/such/folder/log"));
    let logs = setup.writer.worker();
    write(&logs, &log, 1);
    drop(logs);
    let counters = setup.writer.counters();
    setup.writer.stop();
    assert_eq!(counters.lines_failed.load(Ordering::Relaxed), 1);
    assert_eq!(counters.open_failed.load(Ordering::Relaxed), 1);
}

#[test]
fn lines_beyond_what_can_be_held_back_are_counted() {
    let setup = setup(None);
    let fifo = setup.folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let log = log_to(&fifo);
    let logs = setup.writer.worker();
    let handle = logs.open(&log);
    // Nobody reads: the writer waits in open(), the queue fills, then the worker's own buffer.
    let mut printed = 0_u64;
    let capacity = (QUEUED_BATCHES as u64 + 3) * (64 << 10) + (1 << 20) + (64 << 10);
    while printed * 12 < capacity + (1 << 20) {
        with_record(1 << 40, |record| logs.write(&handle, record));
        printed += 1;
    }
    let reader = std::thread::spawn(move || numbers(&fifo).len() as u64);
    drop(logs);
    let counters = setup.writer.counters();
    setup.writer.stop();
    let (arrived, dropped) = (reader.join().unwrap(), counters.lines_dropped.load(Ordering::Relaxed));
    assert!(dropped > 0);
    assert_eq!(arrived + dropped, printed);
}
