//! Building a lab as planned, and taking it away again.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use crate::definition::Backend;
use crate::error::{Doing, Error};
use crate::interrupt::Interrupt;
use crate::plan::network;
use crate::plan::nginx::{self, Nginx};
use crate::plan::site::{self, Program, Site};
use crate::plan::{DNS_ADDRESS, MESH, NET, Plan, Shape, dns};
use crate::program::{self, Running};
use crate::{certificates, stale, tool};

mod diagnosis;
mod envoy;
mod proxies;

/// How long a server of the lab may take until it listens, and Meridian until all gateways are ready.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long the programs may take to end when asked, before they are killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A lab that stands. Dropping it ends its processes and removes its namespaces.
#[derive(Debug)]
pub struct Lab {
    plan: Plan,
    site: Site,
    programs: Vec<Running>,
    interrupt: Interrupt,
}

impl Lab {
    /// A lab that is to stand at `site`; nothing is built yet.
    #[must_use]
    pub fn new(plan: Plan, site: Site, interrupt: &Interrupt) -> Self {
        Self { plan, site, programs: Vec::new(), interrupt: interrupt.clone() }
    }

    /// Builds everything and waits until it answers. The user's configuration is not applied yet.
    ///
    /// # Errors
    /// The first thing that fails; what was built so far stays until the lab is dropped.
    pub fn build(&mut self) -> Result<(), Error> {
        stale::sweep();
        self.prepare_files()?;
        self.build_network()?;
        self.start_servers()?;
        self.start_system()?;
        self.apply_objects()?;
        self.start_dns()?;
        self.start_proxies()
    }

    /// The plan that it was built from.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where it lies.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Applies the objects of `file` with the real `kubectl`.
    ///
    /// # Errors
    /// [`Error::Tool`] with what `kubectl` said.
    pub fn apply(&self, file: &Path) -> Result<(), Error> {
        self.interrupt.check()?;
        self.kubectl(&["apply", "-f", &file.display().to_string()]).map(drop)
    }

    /// Starts `command` in the namespace of `space` with the check's variables; standard output and error go to the named files of the lab's folder.
    pub(crate) fn start_check(&self, space: &str, command: &[String], out: &Path, err: &Path) -> Result<Child, Error> {
        let mut command = program::bound(&self.namespace(space), None, command);
        command.envs(self.site.variables(&self.plan)).current_dir(&self.site.folder);
        program::spawn(&mut command, out, err)
    }

    /// Reports the first of the lab's own programs that has ended.
    pub(crate) fn check_programs(&mut self) -> Result<(), Error> {
        self.programs.iter_mut().try_for_each(|program| program.is_listening().map(drop))
    }

    pub(crate) fn namespace(&self, space: &str) -> String {
        network::namespace(&self.site.prefix, space)
    }

    pub(crate) fn command(&self, space: &str, program: &str) -> Command {
        let mut command = tool::command(Some(&self.namespace(space)), program);
        command.envs(self.site.variables(&self.plan));
        command
    }

    pub(crate) fn kubectl(&self, words: &[&str]) -> Result<String, Error> {
        tool::run(self.command(MESH, "kubectl").arg("--request-timeout=20s").args(words))
    }

    /// Certificates, and what takes the place of the machine's `/etc/resolv.conf` and `/etc/ssl`.
    fn prepare_files(&self) -> Result<(), Error> {
        let etc = self.etc();
        for folder in [etc.clone(), self.site.scratch(), self.site.data(), self.site.access_logs()] {
            fs::create_dir_all(&folder).doing("create", &folder)?;
        }
        let gateways = self.plan.gateways.iter().map(|(name, _)| name);
        for proxy in gateways.chain(self.plan.proxies.iter().map(|proxy| &proxy.name)) {
            // A check may read the log before the first line is written.
            let log = self.site.access_log(proxy);
            fs::write(&log, "").doing("write", &log)?;
        }
        certificates::new_authority(&self.site)?;
        certificates::add_to_roots(&self.site, &etc.join("ssl"))?;
        self.write("etc/resolv.conf", &dns::resolv_conf()).map(drop)
    }

    /// The files that every namespace sees in `/etc`.
    fn etc(&self) -> PathBuf {
        self.site.folder.join("etc")
    }

    /// Writes a file of the lab and returns its path; it stays there for whoever looks into a failure.
    fn write(&self, name: &str, text: &str) -> Result<String, Error> {
        let path = self.site.folder.join(name);
        fs::write(&path, text).doing("write", &path)?;
        Ok(path.display().to_string())
    }

    fn build_network(&self) -> Result<(), Error> {
        self.interrupt.check()?;
        let replacements = Path::new(stale::REPLACEMENTS);
        fs::create_dir_all(replacements).doing("create", replacements)?;
        for space in &self.plan.spaces {
            let link = replacements.join(self.namespace(&space.name));
            symlink(self.etc(), &link).doing("create", &link)?;
        }
        // Creating the machine's first namespace changes its mounts, which two labs must not do at once.
        let lock = Path::new("/run/meridian-lab.lock");
        let lock = fs::File::options()
            .create(true)
            .append(true)
            .open(lock)
            .and_then(|file| file.lock().map(|()| file))
            .doing("lock", lock)?;
        for batch in network::batches(&self.plan, &self.site.prefix) {
            let name = format!("ip-{}.batch", batch.space.as_deref().unwrap_or("machine"));
            let script = self.write(&name, &batch.script)?;
            let namespace = batch.space.map(|space| self.namespace(&space));
            let inside = namespace.iter().flat_map(|namespace| ["-n", namespace]);
            tool::run(tool::command(None, "ip").args(inside).args(["-batch", &script]))?;
        }
        drop(lock);
        for (space, rules) in network::gateway_rules(&self.plan) {
            let rules = self.write(&format!("gateways-{space}.nft"), &rules)?;
            tool::run(self.command(&space, "nft").args(["-f", &rules]))?;
        }
        Ok(())
    }

    fn start(&mut self, program: &Program) -> Result<(), Error> {
        self.programs.push(Running::start(program, &self.site)?);
        Ok(())
    }

    fn start_servers(&mut self) -> Result<(), Error> {
        for server in self.plan.servers.clone() {
            if let Backend::Nginx { page, port, tls, redirect_http } = &server.backend {
                self.configure_nginx(&server.space, page, *port, tls, *redirect_http)?;
            }
            self.start(&self.site.program(&server))?;
        }
        Ok(())
    }

    fn configure_nginx(
        &self,
        space: &str,
        page: &str,
        port: u16,
        tls: &[String],
        redirect_http: Option<u16>,
    ) -> Result<(), Error> {
        let folder = self.site.server(space);
        let temporary = folder.join("temporary");
        fs::create_dir_all(&temporary).doing("create", &temporary)?;
        let pair = if tls.is_empty() { None } else { Some(certificates::issue(&self.site, space, tls)?) };
        let tls = pair.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        let text = nginx::configuration(&Nginx { page, port, tls, redirect_http, folder: &folder });
        let file = folder.join("nginx.conf");
        fs::write(&file, text).doing("write", &file)
    }

    /// Starts Meridian, and waits until it and every server is up.
    fn start_system(&mut self) -> Result<(), Error> {
        self.start(&self.site.system(&self.plan))?;
        self.wait_for_ports()?;
        if self.plan.shape == Shape::Together {
            for (name, address) in self.plan.gateways.clone() {
                self.wait_for_proxy(&name, MESH, address)?;
            }
        }
        let what = format!("no kubeconfig at {}", self.site.kubeconfig().display());
        self.wait(&what, |lab| Ok(lab.site.kubeconfig().is_file()))
    }

    /// Waits until the proxy `name` in namespace `space` says that it is ready.
    fn wait_for_proxy(&mut self, name: &str, space: &str, address: Ipv4Addr) -> Result<(), Error> {
        let url = site::readiness(address);
        self.wait(&format!("proxy {name} is not ready at {url}"), |lab| {
            Ok(tool::run(lab.command(space, "curl").args(["-fsS", "-m", "2", "-o", "/dev/null", &url])).is_ok())
        })
    }

    fn wait_for_ports(&mut self) -> Result<(), Error> {
        for i in 0..self.programs.len() {
            let what = format!("{} does not listen", self.programs[i].name());
            self.wait(&what, |lab| lab.programs[i].is_listening())?;
        }
        Ok(())
    }

    /// Waits for `is_there`, as long as every program lives.
    fn wait(&mut self, what: &str, mut is_there: impl FnMut(&mut Self) -> Result<bool, Error>) -> Result<(), Error> {
        let interrupt = self.interrupt.clone();
        let found = interrupt.wait(START_LIMIT, || {
            self.check_programs()?;
            Ok(is_there(self)?.then_some(()))
        })?;
        let last_words = self.programs.last().map(Running::last_words).unwrap_or_default();
        found.ok_or(Error::NotReady { what: what.to_owned(), limit: START_LIMIT, last_words })
    }

    /// Applies what a cluster would have before the user comes.
    fn apply_objects(&self) -> Result<(), Error> {
        let documents: String = self.plan.objects.iter().map(|object| format!("---\n{object}\n")).collect();
        let file = self.write("cluster.yaml", &documents)?;
        self.apply(Path::new(&file))
    }

    /// Starts the DNS server, now that the Services have their addresses.
    fn start_dns(&mut self) -> Result<(), Error> {
        let services = self.kubectl(&["get", "services", "-A", "-o", "json"])?;
        let services: Value = serde_json::from_str(&services).map_err(|e| Error::Tool {
            command: "kubectl get services -A -o json".to_owned(),
            reason: format!("the answer is not JSON: {e}"),
        })?;
        let text = dns::configuration(&self.plan, &dns::services(&services), &self.site.folder.join("dnsmasq.pid"));
        let file = self.write("dnsmasq.conf", &text)?;
        let command = ["dnsmasq", "-C", &file].map(str::to_owned).to_vec();
        let (name, space) = ("dnsmasq".to_owned(), NET.to_owned());
        self.start(&Program { name, space, command, listens: vec![53], user: None, output: None })?;
        let what = format!("the DNS server does not listen on {DNS_ADDRESS}");
        let last = self.programs.len() - 1;
        self.wait(&what, |lab| lab.programs[last].is_listening())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for program in self.programs.iter().rev() {
            program.terminate();
        }
        // A signal that told the runner to stop must not cut this short.
        let programs = &mut self.programs;
        let _ = Interrupt::default()
            .wait(STOP_LIMIT, || Ok(programs.iter_mut().all(|program| program.ended().is_some()).then_some(())));
        for program in &mut self.programs {
            program.kill();
        }
        stale::remove(&self.site.prefix);
        let roots = self.etc().join("ssl");
        let _ = fs::remove_dir_all(roots);
    }
}
