//! Requests all the time, of which none may be lost.

use super::super::client::Client;
use super::lab::Lab;
use anyhow::bail;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// A request of each client every so often, so that the clients leave the machine to what is measured.
const PAUSE: Duration = Duration::from_millis(5);

/// Clients that ask, one for each target.
pub(super) struct Traffic {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Count>>,
    follower: JoinHandle<()>,
    start: Instant,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(super) struct Count {
    answered: usize,
    lost: usize,
    /// The first few losses.
    why: Vec<String>,
    seconds: f64,
}

impl Count {
    pub(super) fn to_json(&self) -> Value {
        json!({"answered": self.answered, "lost": self.lost, "seconds": self.seconds, "why": self.why})
    }

    fn add(&mut self, other: Count) {
        self.answered += other.answered;
        self.lost += other.lost;
        self.why.extend(other.why);
        self.why.truncate(5);
    }

    fn lose(&mut self, why: String) {
        self.lost += 1;
        if self.why.len() < 5 {
            self.why.push(why);
        }
    }
}

impl Traffic {
    /// Starts a client for each target: the Gateway, where it is at first, and the host to ask for.
    pub(super) fn start(lab: &Lab, targets: Vec<(String, SocketAddr, String)>) -> anyhow::Result<Traffic> {
        let stop = Arc::new(AtomicBool::new(false));
        let addresses: BTreeMap<_, _> = targets.iter().map(|(name, at, _)| (name.clone(), *at)).collect();
        let addresses = Arc::new(Mutex::new(addresses));
        let mut api = lab.api()?;
        let follower = {
            let (stop, addresses) = (stop.clone(), addresses.clone());
            let names: Vec<_> = targets.iter().map(|(name, ..)| name.clone()).collect();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    for name in &names {
                        if let Ok(Some(at)) = Lab::service_address(&mut api, name)
                            && let Ok(mut addresses) = addresses.lock()
                        {
                            addresses.insert(name.clone(), at);
                        }
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            })
        };
        let client = |(name, _, host): (String, SocketAddr, String)| {
            let (stop, addresses) = (stop.clone(), addresses.clone());
            let address = move || addresses.lock().ok().and_then(|addresses| addresses.get(&name).copied());
            std::thread::spawn(move || ask(&stop, &address, &host))
        };
        let clients = targets.into_iter().map(client).collect();
        Ok(Traffic { stop, clients, follower, start: Instant::now() })
    }

    /// Ends the clients and says what became of their requests.
    pub(super) fn end(self, through: &str) -> anyhow::Result<Count> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Count::default();
        for client in self.clients {
            match client.join() {
                Ok(count) => all.add(count),
                Err(_) => bail!("a client panicked"),
            }
        }
        if self.follower.join().is_err() {
            bail!("the thread that follows addresses panicked");
        }
        all.seconds = self.start.elapsed().as_secs_f64();
        println!("{through}: {} requests answered, {} lost, in {:.1} s", all.answered, all.lost, all.seconds);
        all.why.iter().for_each(|why| println!("  lost: {why}"));
        Ok(all)
    }
}

/// Asks over a connection that stays, until told to stop; over a new one after every hundred requests, and when the
/// server ends it.
fn ask(stop: &AtomicBool, address: &dyn Fn() -> Option<SocketAddr>, host: &str) -> Count {
    let mut count = Count::default();
    let mut connection: Option<(Client, usize)> = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(at) = address() else { break };
        let (mut client, used) = match connection.take() {
            Some(open) => open,
            None => match Client::connect(at, ANSWER) {
                Ok(client) => (client, 0),
                Err(error) => {
                    count.lose(format!("{host}: cannot connect: {error:#}"));
                    std::thread::sleep(PAUSE);
                    continue;
                }
            },
        };
        match client.get(host, "/status/200") {
            Ok(answer) if answer.status == 200 => {
                count.answered += 1;
                connection = (!answer.last && used < 100).then_some((client, used + 1));
            }
            Ok(answer) => count.lose(format!("{host}: status {}", answer.status)),
            Err(error) => count.lose(format!("{host}: {error:#}, as request {used} of its connection")),
        }
        std::thread::sleep(PAUSE);
    }
    count
}
