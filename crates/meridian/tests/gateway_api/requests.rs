//! The suite's HTTP requests, made with curl, and what of the answers it compares.

use crate::certificates::Certificates;
use crate::manifests::find;
use crate::meridian::{Meridian, eventually};
use crate::oracle::Case;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

const INFRA: &str = "gateway-conformance-infra";

/// Where requests go.
#[derive(Debug, Clone)]
struct Target {
    address: String,
    port: u64,
    tls: bool,
}

/// Sends the requests of a case until each is answered as expected; how many there were.
pub(crate) fn check(
    meridian: &Meridian,
    objects: &[Value],
    certificates: &Certificates,
    case: &Case,
) -> Result<usize, String> {
    let mut answered = 0;
    for (index, expected) in case.http.iter().enumerate() {
        // What only the suite's program knows, and raw TCP and UDP.
        if expected.to_string().contains("$expr") || expected["Request"]["Path"].as_str().is_none() {
            continue;
        }
        for gateway in gateways_of(case, index) {
            let target = eventually(|| target(meridian, objects, &gateway, expected))?;
            eventually(|| exchange(certificates, &target, expected))
                .map_err(|reason| format!("request {index} {} to {gateway}: {reason}", expected["Request"]))?;
            answered += 1;
        }
    }
    Ok(answered)
}

/// The Gateways that a request of a case goes to: where there are several, as the suite's program has it.
fn gateways_of(case: &Case, index: usize) -> Vec<String> {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match (case.test.as_str(), index) {
        ("GatewayHTTPListenerIsolation", _) => {
            named(&["http-listener-isolation", "http-listener-isolation-with-hostname-intersection"])
        }
        ("HTTPRouteHostnameIntersection", 0..27) => named(&["httproute-hostname-intersection"]),
        ("HTTPRouteHostnameIntersection", _) => named(&["httproute-hostname-intersection-all"]),
        ("HTTPRouteMultipleGateways", 0..2) => named(&["same-namespace"]),
        ("HTTPRouteMultipleGateways", _) => named(&["all-namespaces"]),
        ("HTTPRouteRedirectPortAndScheme", 0..6) => named(&["same-namespace"]),
        ("HTTPRouteRedirectPortAndScheme", 6..9) => named(&["same-namespace-with-http-listener-on-8080"]),
        ("HTTPRouteRedirectPortAndScheme", _) => named(&["same-namespace-with-https-listener"]),
        ("TLSRouteHostnameIntersection", 0) => named(&["gw-tlsroute-exact-hostname-x-1"]),
        ("TLSRouteHostnameIntersection", 1..3) => named(&["gw-tlsroute-more-specific-wc-hostname-x-2"]),
        ("TLSRouteHostnameIntersection", 3..5) => named(&["gw-tlsroute-less-specific-wc-hostname-x-3"]),
        ("TLSRouteHostnameIntersection", _) => named(&["gw-tlsroute-empty-hostname-x-4"]),
        _ => case.gateway().into_iter().collect(),
    }
}

fn target(meridian: &Meridian, objects: &[Value], gateway: &str, expected: &Value) -> Result<Target, String> {
    let written = objects.iter().find(|object| {
        object["kind"] == "Gateway"
            && object["metadata"]["name"] == gateway
            && object["metadata"]["namespace"] != Value::Null
    });
    let namespace = written.and_then(|object| object["metadata"]["namespace"].as_str()).unwrap_or(INFRA);
    let object = meridian.get("gateways.gateway.networking.k8s.io", namespace, gateway);
    let object = object.ok_or_else(|| format!("there is no Gateway {namespace}/{gateway}"))?;
    let address = object["status"]["addresses"][0]["value"].as_str();
    let address = address.ok_or_else(|| format!("Gateway {gateway} has no address: {}", object["status"]))?;
    let listeners = &find(objects, "Gateway", namespace, gateway).unwrap_or(&object)["spec"]["listeners"];
    // The port of the host names the listener where there is one of that port; otherwise it is the first.
    let host = expected["Request"]["Host"].as_str().unwrap_or_default();
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u64>().ok());
    let of_port = |listener: &&Value| port.is_some() && listener["port"].as_u64() == port;
    let named = listeners.as_array().into_iter().flatten().find(of_port);
    let listener = named.unwrap_or(&listeners[0]);
    Ok(Target {
        address: address.to_owned(),
        port: listener["port"].as_u64().unwrap_or_default(),
        tls: listener["protocol"] == "HTTPS" || listener["protocol"] == "TLS",
    })
}

/// An answer as curl has it.
#[derive(Debug)]
struct Answer {
    status: u64,
    headers: BTreeMap<String, String>,
    /// What an echo server says of the request.
    echo: Value,
}

fn exchange(certificates: &Certificates, target: &Target, expected: &Value) -> Result<(), String> {
    let answer = ask(certificates, target, expected)?;
    compare(target, expected, &answer).map_err(|reason| format!("{reason}; {answer:?}"))
}

fn ask(certificates: &Certificates, target: &Target, expected: &Value) -> Result<Answer, String> {
    let request = &expected["Request"];
    let scheme = if target.tls { "https" } else { "http" };
    let path = request["Path"].as_str().unwrap_or_default();
    let host = request["Host"].as_str().filter(|host| !host.is_empty());
    let (name, sent) = match host {
        Some(host) => (host.split(':').next().unwrap_or(host).to_owned(), host.to_owned()),
        None if target.tls => ("example.org".to_owned(), "example.org".to_owned()),
        None => (target.address.clone(), target.address.clone()),
    };
    let name = request["ServerName"].as_str().map_or(name, str::to_owned);
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "--max-time", "10", "--noproxy", "*", "--path-as-is"]);
    command.args(["--connect-to", &format!("::{}:{}", target.address, target.port)]);
    command.args(match request["Protocol"].as_str() {
        Some("H2C_PRIOR_KNOWLEDGE") => ["--http2-prior-knowledge"],
        Some("H2") => ["--http2"],
        _ => ["--http1.1"],
    });
    if target.tls {
        // Behind TLS that is passed on, the backend's certificate is another one; what is routed is what counts here.
        let trusted = certificates.file("tls-validity-checks-certificate");
        command.arg("--insecure").arg("--cacert").arg(trusted);
    }
    command.args(["-X", request["Method"].as_str().unwrap_or("GET"), "-H", &format!("Host: {sent}")]);
    for (name, value) in request["Headers"].as_object().into_iter().flatten() {
        command.args(["-H", &format!("{name}: {}", value.as_str().unwrap_or_default())]);
    }
    let set: Vec<String> = (expected["BackendSetResponseHeaders"].as_object().into_iter().flatten())
        .map(|(name, value)| format!("{name}:{}", value.as_str().unwrap_or_default()))
        .collect();
    if !set.is_empty() {
        command.args(["-H", &format!("X-Echo-Set-Header: {}", set.join(","))]);
    }
    command.arg(format!("{scheme}://{name}:{}{path}", target.port));
    let output = command.output().expect("curl is installed");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {text:?}"))?;
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(':')) {
        let values = headers.entry(name.to_ascii_lowercase()).or_default();
        if !values.is_empty() {
            values.push(',');
        }
        values.push_str(value.trim());
    }
    let status = head.split(' ').nth(1).and_then(|code| code.trim().parse().ok()).unwrap_or_default();
    Ok(Answer { status, headers, echo: serde_json::from_str(body).unwrap_or_default() })
}

fn compare(target: &Target, expected: &Value, answer: &Answer) -> Result<(), String> {
    let response = &expected["Response"];
    let mut statuses: Vec<u64> =
        response["StatusCodes"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    statuses.extend(response["StatusCode"].as_u64());
    if statuses.is_empty() && expected["Request"]["Path"].as_str().is_some_and(|path| path.contains("mismatch")) {
        // The suite's program wants it to fail, in any way.
        return if answer.status >= 500 {
            Ok(())
        } else {
            Err(format!("status {} instead of an error", answer.status))
        };
    }
    if statuses.is_empty() {
        statuses.push(200);
    }
    let is_timeout = |status: u64| status == 408 || status == 504;
    if is_timeout(answer.status) && statuses.iter().any(|status| is_timeout(*status)) {
        return Ok(());
    }
    if !statuses.contains(&answer.status) {
        return Err(format!("status {} instead of {statuses:?}", answer.status));
    }
    match answer.status {
        200 | 204 => {
            compare_request(expected, answer)?;
            compare_response(response, answer)
        }
        300..400 => compare_redirect(target, expected, answer),
        _ => Ok(()),
    }
}

/// The request as the backend saw it.
fn compare_request(expected: &Value, answer: &Answer) -> Result<(), String> {
    let own = match &expected["ExpectedRequest"] {
        Value::Null => &expected["Request"],
        other => &other["Request"],
    };
    if !answer.echo.is_null() {
        let is_path = own["Path"].as_str().unwrap_or_default();
        let path = answer.echo["path"].as_str().unwrap_or_default();
        differs("path", is_path, path)?;
        differs("method", own["Method"].as_str().unwrap_or("GET"), answer.echo["method"].as_str().unwrap_or_default())?;
        if let Some(host) = own["Host"].as_str().filter(|host| !host.is_empty()) {
            differs("host", host, answer.echo["host"].as_str().unwrap_or_default())?;
        }
        let namespace = expected["Namespace"].as_str().unwrap_or_default();
        differs("namespace", namespace, answer.echo["namespace"].as_str().unwrap_or_default())?;
    } else if answer.status == 200 && expected["Backend"].as_str().is_some_and(|backend| !backend.is_empty()) {
        return Err("the answer is not that of an echo server".to_owned());
    }
    let header = |name: &str| {
        let all = answer.echo["headers"].as_object()?;
        let values = all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1.as_array()?;
        Some(values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
    };
    for (name, value) in own["Headers"].as_object().into_iter().flatten() {
        differs(name, value.as_str().unwrap_or_default(), &header(name).unwrap_or_default())?;
    }
    let absent = expected["ExpectedRequest"]["AbsentHeaders"].as_array();
    for name in absent.into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = header(name) {
            return Err(format!("the backend got {name}: {value}"));
        }
    }
    let (backend, pod) = (expected["Backend"].as_str().unwrap_or_default(), &answer.echo["pod"]);
    if !pod.as_str().unwrap_or_default().starts_with(backend) {
        return Err(format!("{pod} answered instead of {backend}"));
    }
    let sni = own["SNI"].as_str().unwrap_or_default();
    if sni.is_empty() {
        Ok(())
    } else {
        differs("SNI", sni, answer.echo["tls"]["serverName"].as_str().unwrap_or_default())
    }
}

fn compare_response(response: &Value, answer: &Answer) -> Result<(), String> {
    let squeeze = |text: &str| match response["IgnoreWhitespace"].as_bool() {
        Some(true) => text.replace(' ', ""),
        _ => text.to_owned(),
    };
    let got = |name: &str| answer.headers.get(&name.to_ascii_lowercase());
    for (name, value) in response["Headers"].as_object().into_iter().flatten() {
        let found = got(name).map(|found| squeeze(found)).unwrap_or_default();
        differs(name, &squeeze(value.as_str().unwrap_or_default()), &found)?;
    }
    for (name, values) in response["ValidHeaderValues"].as_object().into_iter().flatten() {
        let found = got(name).map(|found| squeeze(found));
        let mut valid = values.as_array().into_iter().flatten().filter_map(Value::as_str).map(squeeze);
        if !valid.any(|value| Some(value) == found) {
            return Err(format!("{name} is {found:?} instead of one of {values}"));
        }
    }
    for name in response["AbsentHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(value) = got(name) {
            return Err(format!("the answer has {name}: {value}"));
        }
    }
    Ok(())
}

fn compare_redirect(target: &Target, expected: &Value, answer: &Answer) -> Result<(), String> {
    let redirect = &expected["RedirectRequest"];
    if redirect.is_null() {
        return Ok(());
    }
    let location = answer.headers.get("location").ok_or("there is no Location")?;
    let (scheme, rest) = location.split_once("://").ok_or_else(|| format!("{location:?} is no URL"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    differs("scheme", redirect["Scheme"].as_str().unwrap_or(if target.tls { "https" } else { "http" }), scheme)?;
    if let Some(expected) = redirect["Host"].as_str() {
        differs("host", expected, host)?;
    }
    let asked = expected["Request"]["Path"].as_str().unwrap_or_default();
    differs("path", redirect["Path"].as_str().unwrap_or(asked), path)?;
    match redirect["Port"].as_str().unwrap_or_default() {
        "" if ["", "80"].contains(&port) && scheme == "http" => Ok(()),
        "" if ["", "443"].contains(&port) && scheme == "https" => Ok(()),
        expected => differs("port", expected, port),
    }
}

fn differs(what: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what} is {found:?} instead of {expected:?}")) }
}
