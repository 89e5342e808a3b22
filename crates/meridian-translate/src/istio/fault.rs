//! Faults of HTTP rules (`http[].fault`).

use crate::condition::{Finding, Topic};
use meridian_ir::fault::{AbortStatus, Fault, FaultAbort, FaultDelay};
use meridian_ir::fraction::Fraction;
use meridian_resources::istio::virtual_service::{Abort, Delay, GRPC_STATUSES, HttpFaultInjection, Percent};
use std::sync::Arc;

/// What was found while a fault was compiled.
pub(crate) struct Findings<'f> {
    /// The rule cannot be served as it is written.
    pub(crate) refused: &'f mut Vec<Finding>,
    /// A field has no effect.
    pub(crate) noted: &'f mut Vec<Finding>,
}

/// The faults of the rule at `path`; `None` when none of them ever happens.
pub(crate) fn compile(fault: &HttpFaultInjection, path: &str, findings: &mut Findings<'_>) -> Option<Arc<Fault>> {
    let delay = fault.delay.as_ref().and_then(|delay| compile_delay(delay, &format!("{path}.fault.delay"), findings));
    let abort = fault.abort.as_ref().and_then(|abort| compile_abort(abort, &format!("{path}.fault.abort"), findings));
    (delay.is_some() || abort.is_some()).then(|| Arc::new(Fault { delay, abort }))
}

fn compile_delay(delay: &Delay, path: &str, findings: &mut Findings<'_>) -> Option<FaultDelay> {
    let Some(fixed) = delay.fixed_delay else {
        let (field, message) = match delay.exponential_delay {
            Some(_) => ("exponentialDelay", "is not implemented, in Istio neither; use fixedDelay"),
            None => ("fixedDelay", "is needed"),
        };
        findings.refused.push(Finding::at(Topic::Unsupported, &format!("{path}.{field}"), message));
        return None;
    };
    let percent = delay.percentage.map(|percent| percent.value).or((delay.percent > 0).then_some(delay.percent.into()));
    let fraction = share(percent, path, "delayed", findings)?;
    Some(FaultDelay { duration: fixed.to_std(), fraction })
}

fn compile_abort(abort: &Abort, path: &str, findings: &mut Findings<'_>) -> Option<FaultAbort> {
    let status = match abort_status(abort) {
        Ok(status) => status,
        Err((field, message)) => {
            findings.refused.push(Finding::at(Topic::Unsupported, &format!("{path}.{field}"), message));
            return None;
        }
    };
    let percent = abort.percentage.map(|Percent { value }| value);
    Some(FaultAbort { status, fraction: share(percent, path, "aborted", findings)? })
}

/// The status, or the field that is wrong with what to do.
fn abort_status(abort: &Abort) -> Result<AbortStatus, (&'static str, String)> {
    if let Some(status) = abort.http_status {
        return match u16::try_from(status) {
            Ok(status @ 200..=599) => Ok(AbortStatus::Http(status)),
            _ => Err(("httpStatus", format!("{status} is not allowed; choose one from 200 to 599"))),
        };
    }
    if let Some(name) = &abort.grpc_status {
        return match GRPC_STATUSES.iter().position(|known| known == name) {
            Some(number) => Ok(AbortStatus::Grpc(number as u32)),
            None => Err(("grpcStatus", format!("{name:?} is none; allowed are {}", GRPC_STATUSES.join(", ")))),
        };
    }
    match abort.http2_error {
        Some(_) => Err(("http2Error", "is not implemented, in Istio neither; use httpStatus".into())),
        None => Err(("httpStatus", "is needed, or grpcStatus".into())),
    }
}

/// How many requests are concerned. Without a percentage it is none, as in Istio, which is hardly meant.
fn share(percent: Option<f64>, path: &str, what: &str, findings: &mut Findings<'_>) -> Option<Fraction> {
    if percent.is_none() {
        let message = format!("is not given, so that no request is {what}, as in Istio; set it, to 100 for all");
        findings.noted.push(Finding::at(Topic::Unsupported, &format!("{path}.percentage.value"), message));
    }
    percent.map(Fraction::from_percent).filter(|fraction| fraction.millionths() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_istio_does_not_implement_is_refused() {
        let second = Some(meridian_resources::Duration::from_millis(1000));
        let delay = |delay| HttpFaultInjection { delay: Some(delay), abort: None };
        let abort = |abort| HttpFaultInjection { abort: Some(abort), delay: None };
        for (fault, expected) in [
            (delay(Delay { exponential_delay: second, ..Delay::default() }), "fault.delay.exponentialDelay: is not"),
            (delay(Delay::default()), "fault.delay.fixedDelay: is needed"),
            (abort(Abort { http2_error: Some("x".into()), ..Abort::default() }), "fault.abort.http2Error: is not"),
            (abort(Abort { http_status: Some(600), ..Abort::default() }), "fault.abort.httpStatus: 600 is not allowed"),
            (
                abort(Abort { grpc_status: Some("NO".into()), ..Abort::default() }),
                "fault.abort.grpcStatus: \"NO\" is none",
            ),
            (abort(Abort::default()), "fault.abort.httpStatus: is needed"),
        ] {
            let (mut refused, mut noted) = (Vec::new(), Vec::new());
            let mut findings = Findings { refused: &mut refused, noted: &mut noted };
            assert_eq!(compile(&fault, "spec.http[0]", &mut findings), None);
            assert!(refused[0].message.starts_with(&format!("spec.http[0].{expected}")), "{refused:?}");
        }
    }
}
