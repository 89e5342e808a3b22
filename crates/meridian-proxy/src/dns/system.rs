//! Asking: the system's name servers and hosts file, through hickory.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use meridian_ir::Name;
use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Where answers come from.
pub trait Source: Send + 'static {
    /// Something that can be asked; shared by all questions until [`Source::has_changed`].
    type Asker: Clone + Send + 'static;

    /// Reads the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    fn open(&mut self) -> Result<Self::Asker, String>;

    /// Whether the configuration is another than when it was opened.
    fn has_changed(&self) -> bool;

    /// The addresses of `name` and how long they are good for.
    fn ask(asker: &Self::Asker, name: &Name) -> impl Future<Output = Result<(Vec<IpAddr>, Duration), String>>;
}

/// `/etc/resolv.conf` and `/etc/hosts`.
#[derive(Debug, Default)]
pub struct SystemSource {
    /// Instead of `/etc/resolv.conf`.
    pub servers: Option<ResolverConfig>,
    read_at: Option<[Option<SystemTime>; 2]>,
}

impl SystemSource {
    fn modified() -> [Option<SystemTime>; 2] {
        let modified = |path: &str| std::fs::metadata(Path::new(path)).and_then(|data| data.modified()).ok();
        [modified("/etc/resolv.conf"), modified("/etc/hosts")]
    }
}

impl Source for SystemSource {
    type Asker = TokioResolver;

    fn open(&mut self) -> Result<TokioResolver, String> {
        self.read_at = Some(Self::modified());
        let (config, mut options) = match &self.servers {
            Some(config) => (config.clone(), ResolverOpts::default()),
            None => read_system_conf().map_err(|error| format!("/etc/resolv.conf: {error}"))?,
        };
        // The addresses are kept here, with their time to live; a second cache behind it would only make them older.
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        options.use_hosts_file = ResolveHosts::Always;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.build().map_err(|error| error.to_string())
    }

    fn has_changed(&self) -> bool {
        self.read_at.is_some_and(|read_at| read_at != Self::modified())
    }

    async fn ask(asker: &TokioResolver, name: &Name) -> Result<(Vec<IpAddr>, Duration), String> {
        let answer = asker.lookup_ip(&**name).await.map_err(|error| error.to_string())?;
        let addresses: Vec<IpAddr> = answer.iter().collect();
        if addresses.is_empty() {
            return Err("the name has no addresses".to_owned());
        }
        Ok((addresses, answer.valid_until().saturating_duration_since(Instant::now())))
    }
}
