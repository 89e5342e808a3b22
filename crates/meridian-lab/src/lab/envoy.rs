//! What is asked of stock Envoys besides the check: that they have taken everything that they were sent.

use super::Lab;
use super::diagnosis::ADMIN;
use crate::error::Error;
use crate::tool;

impl Lab {
    /// Fails when an Envoy has rejected a resource.
    pub(crate) fn check_envoys(&self) -> Result<(), Error> {
        if self.site.envoy.is_none() {
            return Ok(());
        }
        for proxy in &self.plan.proxies {
            let url = format!("{ADMIN}/stats?filter=update_(rejected|success)$");
            let stats = tool::run(self.command(&proxy.name, "curl").args(["-fsS", "-m", "5", &url]))?;
            if let Some(complaint) = complaint(&stats) {
                return Err(Error::Check(format!("{}: {complaint}", proxy.name)));
            }
        }
        Ok(())
    }
}

/// What is wrong with these counters of updates, `NAME: NUMBER` in a line.
fn complaint(stats: &str) -> Option<String> {
    let counters = || stats.lines().filter_map(|line| line.rsplit_once(": ")).filter(|(_, number)| *number != "0");
    if let Some((name, number)) = counters().find(|(name, _)| name.ends_with("update_rejected")) {
        return Some(format!("Envoy has rejected what it was sent: {name} is {number}"));
    }
    let has_listeners = counters().any(|(name, _)| name == "listener_manager.lds.update_success");
    (!has_listeners).then(|| "Envoy has taken no listeners".to_owned())
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn rejections_are_found() {
        let good = "listener_manager.lds.update_success: 2\ncluster_manager.cds.update_rejected: 0\n";
        assert_eq!(complaint(good), None);
        let rejected = format!("{good}http.a.rds.http.8080.update_rejected: 3\n");
        let expected = "Envoy has rejected what it was sent: http.a.rds.http.8080.update_rejected is 3";
        assert_eq!(complaint(&rejected).as_deref(), Some(expected));
        assert_eq!(complaint("").as_deref(), Some("Envoy has taken no listeners"));
    }
}
