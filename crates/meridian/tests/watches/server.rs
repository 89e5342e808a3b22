//! The real program, killed and started again on one address and one data folder.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything that is only waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `meridian up`, killed when dropped.
pub(crate) struct Server {
    child: Child,
    data: PathBuf,
    address: IpAddr,
}

impl Server {
    /// Starts it on a data folder; the kubeconfig is there when this returns.
    pub(crate) fn start(data: &Path) -> Server {
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(127, high.clamp(1, 254), low, 99));
        let server = Server { child: spawn(data, address), data: data.to_owned(), address };
        let begun = Instant::now();
        while !server.kubeconfig().exists() {
            assert!(begun.elapsed() < PATIENCE, "the server writes no kubeconfig");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// The file that says how to reach it.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.data.join("kubeconfig")
    }

    /// `kill -9`, and the same again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.data, self.address);
    }

    /// A client of its API, which may not answer yet.
    pub(crate) async fn client(&self) -> kube::Client {
        let kubeconfig = kube::config::Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
        config.read_timeout = None;
        kube::Client::try_from(config).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has told then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data: &Path, address: IpAddr) -> Child {
    Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(["up", "--threads", "1", "--log-level", "warn", "--data"])
        .arg(data)
        .args(["--api", &format!("{address}:16443"), "--gateway", &format!("ingressgateway={address}")])
        .stdout(Stdio::null())
        .spawn()
        .expect("meridian starts")
}
