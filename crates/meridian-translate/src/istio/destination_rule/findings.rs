//! What is to be said of a DestinationRule by itself: fields that are refused, and fields without effect.

use crate::condition::{Finding, Topic};
use crate::istio::{credential, load_balancer};
use meridian_resources::Object;
use meridian_resources::istio::DestinationRule;
use meridian_resources::istio::destination_rule::{
    ClientTlsMode, ClientTlsSettings, ConnectionPoolSettings, LoadBalancerSettings, OutlierDetection, SimpleLb,
    TrafficPolicy,
};

/// All findings, in the order of the fields.
pub(crate) fn findings(object: &Object<DestinationRule>) -> Vec<Finding> {
    let mut found = Found(Vec::new());
    if let Some(policy) = &object.spec.traffic_policy {
        found.policy(policy, "spec.trafficPolicy");
    }
    for (index, subset) in object.spec.subsets.iter().enumerate() {
        if let Some(policy) = &subset.traffic_policy {
            found.policy(policy, &format!("spec.subsets[{index}].trafficPolicy"));
        }
    }
    found.0
}

/// The parts that a policy has for all ports and for single ones.
#[derive(Clone, Copy)]
struct Layer<'p> {
    pool: Option<&'p ConnectionPoolSettings>,
    balancer: Option<&'p LoadBalancerSettings>,
    outlier: Option<&'p OutlierDetection>,
    tls: Option<&'p ClientTlsSettings>,
}

struct Found(Vec<Finding>);

impl Found {
    fn say(&mut self, path: String, message: &str) {
        self.0.push(Finding::at(Topic::Unsupported, &path, message));
    }

    fn policy(&mut self, policy: &TrafficPolicy, path: &str) {
        if policy.tunnel.is_some() {
            let closed = "is not supported; rather than without it, requests are answered 503 (NC) until it is removed";
            self.say(format!("{path}.tunnel"), closed);
        }
        if policy.retry_budget.is_some() {
            self.say(
                format!("{path}.retryBudget"),
                "is not supported and has no effect; use connectionPool.http.maxRetries",
            );
        }
        let layer = Layer {
            pool: policy.connection_pool.as_ref(),
            balancer: policy.load_balancer.as_ref(),
            outlier: policy.outlier_detection.as_ref(),
            tls: policy.tls.as_ref(),
        };
        self.layer(layer, path);
        for (index, settings) in policy.port_level_settings.iter().enumerate() {
            let layer = Layer {
                pool: settings.connection_pool.as_ref(),
                balancer: settings.load_balancer.as_ref(),
                outlier: settings.outlier_detection.as_ref(),
                tls: settings.tls.as_ref(),
            };
            self.layer(layer, &format!("{path}.portLevelSettings[{index}]"));
        }
    }

    fn layer(&mut self, layer: Layer<'_>, path: &str) {
        if layer.pool.and_then(|pool| pool.http.as_ref()).is_some_and(|http| http.http2_keep_alive.is_some()) {
            let path = format!("{path}.connectionPool.http.http2KeepAlive");
            self.say(path, "is not supported and has no effect; use connectionPool.tcp.tcpKeepalive");
        }
        if let Some(balancer) = layer.balancer {
            self.balancer(balancer, layer.outlier.is_some(), &format!("{path}.loadBalancer"));
        }
        if let Some(outlier) = layer.outlier {
            self.outlier(outlier, &format!("{path}.outlierDetection"));
        }
        if let Some(tls) = layer.tls {
            self.tls(tls, &format!("{path}.tls"));
        }
    }

    fn balancer(&mut self, balancer: &LoadBalancerSettings, has_outlier: bool, path: &str) {
        if balancer.zone_aware_lb_setting.is_some() {
            self.say(format!("{path}.zoneAwareLbSetting"), "is not supported and has no effect; use localityLbSetting");
        }
        if balancer.consistent_hash.is_none() && balancer.simple == Some(SimpleLb::Passthrough) {
            let message = "PASSTHROUGH sends to the address that the client asked for, which a gateway does not know: \
                           requests are answered 503 (UH), as in Istio";
            self.say(format!("{path}.simple"), message);
        }
        if !load_balancer::warms_up(load_balancer::policy(Some(balancer))) {
            for (field, given) in
                [("warmup", balancer.warmup.is_some()), ("warmupDurationSecs", balancer.warmup_duration_secs.is_some())]
            {
                if given {
                    let message = "has no effect, as in Istio, but with LEAST_REQUEST and ROUND_ROBIN";
                    self.say(format!("{path}.{field}"), message);
                }
            }
        }
        if let Some(locality) = balancer.locality_lb_setting.as_ref().filter(|_| !has_outlier) {
            for (field, given) in [
                ("failover", !locality.failover.is_empty()),
                ("failoverPriority", !locality.failover_priority.is_empty()),
            ] {
                if given {
                    let path = format!("{path}.localityLbSetting.{field}");
                    self.say(path, "has no effect, as in Istio, without outlierDetection beside it");
                }
            }
        }
    }

    fn outlier(&mut self, outlier: &OutlierDetection, path: &str) {
        if outlier.consecutive_errors != 0 {
            let message = "has no effect, as in Istio; use consecutive5xxErrors or consecutiveGatewayErrors";
            self.say(format!("{path}.consecutiveErrors"), message);
        }
        if !outlier.outlier_detection_http_error_codes.is_empty() {
            let message = "is not supported and has no effect: 5xx are counted, and 502 to 504 by \
                           consecutiveGatewayErrors";
            self.say(format!("{path}.outlierDetectionHttpErrorCodes"), message);
        }
    }

    fn tls(&mut self, tls: &ClientTlsSettings, path: &str) {
        let named =
            matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual) && !tls.credential_name.is_empty();
        if named {
            let name = match tls.mode {
                ClientTlsMode::Mutual => credential::certificate_name(&tls.credential_name),
                _ => credential::authority_name(&tls.credential_name),
            };
            if let Err(problem) = name {
                let message = format!("{problem}; rather than without it, requests are answered 503 (NC)");
                self.say(format!("{path}.credentialName"), &message);
            }
        }
        let mutual_without_certificate = tls.mode == ClientTlsMode::Mutual
            && tls.credential_name.is_empty()
            && (tls.client_certificate.is_empty() || tls.private_key.is_empty());
        if mutual_without_certificate {
            let message = "MUTUAL needs credentialName, or clientCertificate and privateKey; rather than without them, \
                           requests are answered 503 (NC)";
            self.say(format!("{path}.mode"), message);
        }
    }
}
