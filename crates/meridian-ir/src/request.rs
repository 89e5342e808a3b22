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
