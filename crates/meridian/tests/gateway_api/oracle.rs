//! The suite's expectations, and which of them can be checked here.

use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Tests that are left out, with the reason.
const LEFT_OUT: [(&str, &str); 32] = [
    ("BackendTLSPolicy", "it changes objects between its checks"),
    ("BackendTLSPolicyObservedGenerationBump", "it changes objects between its checks"),
    ("GatewayModifyListeners", "it changes objects between its checks"),
    ("GatewayObservedGenerationBump", "it changes objects between its checks"),
    ("GatewayStaticAddresses", "it changes objects between its checks"),
    ("GatewayClassObservedGenerationBump", "it changes objects between its checks"),
    ("HTTPRouteObservedGenerationBump", "it changes objects between its checks"),
    ("HTTPRouteReferenceGrant", "it changes objects between its checks"),
    ("TCPRouteMultipleRoutesAttachment", "it changes objects between its checks"),
    ("TCPRouteReferenceGrant", "it changes objects between its checks"),
    ("UDPRouteMultipleRoutesAttachment", "it changes objects between its checks"),
    ("UDPRouteReferenceGrant", "it changes objects between its checks"),
    ("HTTPRouteServiceTypes", "its EndpointSlices name addresses of pods"),
    ("GatewayInfrastructure", "it looks at Deployments"),
    ("HTTPRouteRequestMirror", "it reads logs of pods"),
    ("HTTPRouteRequestMultipleMirrors", "it reads logs of pods"),
    ("HTTPRouteRequestPercentageMirror", "it reads logs of pods"),
    ("HTTPRouteWeight", "its steps are not in the data"),
    ("HTTPRouteRequestHeaderModifierBackendWeights", "its steps are not in the data"),
    ("HTTPRouteRetry", "its steps are not in the data"),
    ("HTTPRouteBackendProtocolWebSocket", "its steps are not in the data"),
    ("GRPCRouteWeight", "its steps are not in the data"),
    ("GatewayFrontendClientCertificateValidation", "its steps are not in the data"),
    ("GatewayFrontendClientCertificateValidationInsecureFallback", "its steps are not in the data"),
    ("GatewayFrontendInvalidDefaultClientCertificateValidation", "its steps are not in the data"),
    ("GatewayTLSBackendClientCertificate", "its steps are not in the data"),
    ("TLSRouteListenerMixedTerminationNotSupported", "it is for implementations without the feature"),
    ("TLSRouteListenerTerminateNotSupported", "it is for implementations without the feature"),
    ("TCPRouteWeightedRouting", "its steps are not in the data"),
    ("UDPRouteWeightedRouting", "its steps are not in the data"),
    ("UDPRoute", "it asks a DNS server"),
    ("HTTPRouteBackendRequestHeaderModifier", "its steps are those of HTTPRouteRequestHeaderModifier"),
];

/// All cases.
pub(crate) struct Oracle {
    /// Those that are run.
    pub(crate) cases: Vec<Case>,
    /// Those that are not, with the reason.
    pub(crate) left_out: Vec<(String, &'static str)>,
}

/// One test of the suite.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Case {
    /// Its short name.
    pub(crate) test: String,
    file: String,
    /// Requests and their answers.
    #[serde(default)]
    pub(crate) http: Vec<Value>,
    /// Assertions about statuses.
    #[serde(default)]
    pub(crate) status_assertions: Vec<Assertion>,
    /// Rows that the suite's program goes through.
    #[serde(default)]
    tables: Vec<Table>,
    /// Its manifests.
    #[serde(skip)]
    pub(crate) manifests: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Table {
    rows: Vec<Value>,
}

/// An assertion about a status.
#[derive(Debug, Deserialize)]
pub(crate) struct Assertion {
    /// Its function in the suite.
    pub(crate) assert: String,
    /// What the function is given, without client and time limits.
    pub(crate) args: Vec<Value>,
}

impl Oracle {
    pub(crate) fn read(folder: &Path) -> Oracle {
        let text = std::fs::read_to_string(folder.join("expectations.json")).expect("the expectations");
        let all: Vec<Case> = serde_json::from_str(&text).expect("the expectations are JSON");
        let (mut cases, mut left_out) = (Vec::new(), Vec::new());
        for mut case in all {
            let files = match case.test.as_str() {
                "GatewayWithAttachedRoutesWithPort8080" => {
                    vec!["gateway-with-attached-routes-with-port-8080".to_owned()]
                }
                "GatewayHTTPListenerIsolation" => ["", "-with-hostname-intersection"]
                    .map(|end| format!("gateway-http-listener-isolation{end}"))
                    .into(),
                _ => vec![case.file.replace(".go", "")],
            };
            case.manifests = files.iter().map(|file| folder.join(format!("conformance/{file}.yaml"))).collect();
            case.name_servers();
            match LEFT_OUT.iter().find(|(name, _)| *name == case.test) {
                Some((_, reason)) => left_out.push((case.test, *reason)),
                None => cases.push(case),
            }
        }
        Oracle { cases, left_out }
    }
}

impl Case {
    /// Notes the server names that rows of the table ask for in the requests that are made of them.
    fn name_servers(&mut self) {
        let rows = self.tables.iter().flat_map(|table| &table.rows).filter(|row| row["statusCode"].is_u64());
        for (request, row) in self.http.iter_mut().zip(rows) {
            if request["Request"]["Host"] == row["host"] && row["serverName"].is_string() {
                request["Request"]["ServerName"] = row["serverName"].clone();
            }
        }
    }
}
