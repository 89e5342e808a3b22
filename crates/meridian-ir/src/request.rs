//! What the matching functions see of a request.

/// A request as the decisions see it; the data plane implements it over its head buffer, tests over plain values.
pub trait RequestView {
    /// Method, as sent.
    fn method(&self) -> &[u8];
    /// Canonical path with its query (`/a?b=c`).
    fn path_and_query(&self) -> &[u8];
    /// Host or `:authority`, as sent (with port, in its case).
    fn authority(&self) -> &[u8];
    /// `http` or `https`: the scheme of the connection.
    fn scheme(&self) -> &[u8];
    /// Calls `test` with each value of the header `name` (lowercase) in order, until it returns true; whether it did.
    fn any_header(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

/// The path of a request target, without query and fragment.
pub fn path_of(path_and_query: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', path_and_query).unwrap_or(path_and_query.len());
    &path_and_query[..end]
}

/// The value of the first query parameter called `name`, as it was sent. `?name` and `?name=` have an empty value.
pub fn query_parameter<'p>(path_and_query: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let start = memchr::memchr(b'?', path_and_query)? + 1;
    path_and_query[start..].split(|byte| *byte == b'&').filter(|parameter| !parameter.is_empty()).find_map(
        |parameter| {
            let (key, value) = match memchr::memchr(b'=', parameter) {
                Some(equals) => (&parameter[..equals], &parameter[equals + 1..]),
                None => (parameter, &parameter[parameter.len()..]),
            };
            (key == name).then_some(value)
        },
    )
}

/// A request of plain values, for tests and for tools that ask what a request would meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainRequest {
    /// Method.
    pub method: String,
    /// Canonical path with its query.
    pub path_and_query: String,
    /// Host or `:authority`.
    pub authority: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Names (in any case) and values in order; may repeat.
    pub headers: Vec<(String, String)>,
}

impl PlainRequest {
    /// `GET` of an `http://` address of which host and path are known.
    pub fn get(authority: &str, path_and_query: &str) -> Self {
        Self {
            method: "GET".into(),
            path_and_query: path_and_query.into(),
            authority: authority.into(),
            scheme: "http".into(),
            headers: Vec::new(),
        }
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl RequestView for PlainRequest {
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }
    fn path_and_query(&self) -> &[u8] {
        self.path_and_query.as_bytes()
    }
    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }
    fn scheme(&self) -> &[u8] {
        self.scheme.as_bytes()
    }
    fn any_header(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.headers.iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && test(value.as_bytes()))
    }
}
