//! What a service says of a request.

use super::call::Answer;
use super::{field, protobuf};
use meridian_http::{FieldName, KnownHeader};
use meridian_ir::ext_authz::HttpAuthz;

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may pass.
    Passes(Passage),
    /// It is answered instead.
    Denied(Denial),
    /// The service cannot be asked, or is not understood.
    Failed(String),
}

/// How a request that may pass changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) request: Vec<Change>,
    pub(super) remove: Vec<FieldName>,
    pub(super) response: Vec<Change>,
}

/// A field that is set, or added to those of its name.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http1) struct Change {
    pub(super) name: FieldName,
    pub(super) value: Vec<u8>,
    pub(super) appends: bool,
}

/// What the client is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) status: u16,
    pub(super) headers: Vec<(FieldName, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Verdict {
    /// 200 lets a request pass; 5xx is the service's own failure; everything else is for the client.
    pub(super) fn of_http(answer: Answer, service: &HttpAuthz) -> Self {
        let Answer { status, headers, body, .. } = answer;
        let headers = headers.into_iter().filter_map(|(name, value)| field(&name, &value));
        match status {
            200 => {
                let is_wanted = |name: &FieldName| match &service.allowed_response_headers {
                    None => !is_of_answer(name),
                    Some(allowed) => {
                        allowed.iter().any(|allowed| allowed.is_match_ignoring_case(name.as_str().as_bytes()))
                    }
                };
                let change = |(name, value)| Change { name, value, appends: false };
                let request = headers.filter(|(name, _)| is_wanted(name)).map(change).collect();
                Self::Passes(Passage { request, ..Passage::default() })
            }
            500..=599 => Self::Failed(format!("it answered {status}")),
            _ => {
                let is_ours = |name: &FieldName| matches!(name.known(), KnownHeader::Date | KnownHeader::Server);
                Self::Denied(Denial { status, headers: headers.filter(|(name, _)| !is_ours(name)).collect(), body })
            }
        }
    }

    /// The `CheckResponse` in a call's answer.
    pub(super) fn of_grpc(answer: &Answer) -> Self {
        if answer.status != 200 {
            return Self::Failed(format!("it answered {}", answer.status));
        }
        let of = |list: &[(Vec<u8>, Vec<u8>)]| {
            let found = list.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"grpc-status"));
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        match of(&answer.trailers).or_else(|| of(&answer.headers)).as_deref() {
            Some("0") => {}
            Some(status) => return Self::Failed(format!("the call ended with status {status}")),
            None => return Self::Failed("the call ended without status".to_owned()),
        }
        protobuf::verdict(&answer.body).unwrap_or_else(|problem| Self::Failed(problem.to_owned()))
    }
}

/// Fields that are about the answer itself, and mean nothing in the request.
fn is_of_answer(name: &FieldName) -> bool {
    const OTHERS: [&str; 6] =
        ["content-type", "content-encoding", "date", "server", "vary", "x-envoy-upstream-service-time"];
    OTHERS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_ir::StringMatch;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
        let header = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        Answer { status, headers: headers.iter().map(header).collect(), body: b"no".to_vec(), trailers: Vec::new() }
    }

    fn set(name: &str, value: &str) -> Change {
        Change { name: FieldName::new(name), value: value.into(), appends: false }
    }

    #[test]
    fn http_services_let_pass_with_200_only() {
        let headers =
            [("x-user", "anna"), ("content-length", "2"), ("host", "evil"), ("date", "today"), ("x-bad", "a\r\nb: c")];
        let all = HttpAuthz::default();
        let some = HttpAuthz {
            allowed_response_headers: Some(vec![StringMatch::Exact("x-other".into())]),
            ..HttpAuthz::default()
        };
        let request = vec![set("x-user", "anna")];
        let passes = |request| Verdict::Passes(Passage { request, ..Passage::default() });
        assert_eq!(Verdict::of_http(answer(200, &headers), &all), passes(request));
        assert_eq!(Verdict::of_http(answer(200, &headers), &some), passes(Vec::new()));
        let denied = Verdict::of_http(answer(401, &[("www-authenticate", "Basic"), ("date", "today")]), &all);
        let headers = vec![(FieldName::new("www-authenticate"), b"Basic".to_vec())];
        assert_eq!(denied, Verdict::Denied(Denial { status: 401, headers, body: b"no".to_vec() }));
        assert!(matches!(Verdict::of_http(answer(302, &[]), &all), Verdict::Denied(Denial { status: 302, .. })));
        assert!(matches!(Verdict::of_http(answer(201, &[]), &all), Verdict::Denied(_)));
        assert!(matches!(Verdict::of_http(answer(503, &[]), &all), Verdict::Failed(_)));
    }
}
