//! Where a redirect points to (Envoy's `Http::Utility::newUri`).

use crate::request::RequestView;
use crate::route::{PathMatch, PathRewrite, Redirect, RedirectPath};
use std::io::Write;

#[cfg(test)]
mod tests;

impl Redirect {
    /// Writes the value of `Location` to `out`, which is cleared first. `matched` is the condition by which the route
    /// took the path.
    ///
    /// A new path always begins with a slash. The query stays, unless the new path has one of its own. The port of the request's Host goes when a port or a
    /// host is given here, and when the scheme changes and it is the default port of the old one.
    pub fn location(&self, request: &impl RequestView, matched: &PathMatch, out: &mut Vec<u8>) {
        out.clear();
        let scheme = self.scheme.as_deref().map_or(request.scheme(), str::as_bytes);
        let path_and_query = request.path_and_query();
        let mut path = Vec::new();
        match &self.path {
            None => path.extend_from_slice(path_and_query),
            Some(RedirectPath::Full(whole)) if whole.contains('?') => path.extend_from_slice(whole.as_bytes()),
            Some(RedirectPath::Full(whole)) => {
                path.extend_from_slice(whole.as_bytes());
                let query = memchr::memchr(b'?', path_and_query).unwrap_or(path_and_query.len());
                path.extend_from_slice(&path_and_query[query..]);
            }
            Some(RedirectPath::Prefix(prefix)) => {
                PathRewrite::Prefix(prefix.clone()).apply(matched, path_and_query, &mut path);
            }
        }
        out.extend_from_slice(scheme);
        out.extend_from_slice(b"://");
        out.extend_from_slice(match &self.host {
            Some(host) => host.as_bytes(),
            None => self.request_host(request, scheme),
        });
        if let Some(port) = self.port {
            write!(out, ":{port}").expect("writing to memory does not fail");
        }
        if path.first() != Some(&b'/') {
            out.push(b'/');
        }
        out.extend_from_slice(&path);
    }

    /// The request's host, with its port where that keeps its meaning.
    fn request_host<'r>(&self, request: &'r impl RequestView, new_scheme: &[u8]) -> &'r [u8] {
        let authority = request.authority();
        let host = crate::route_config::without_port(authority);
        let port = &authority[host.len()..];
        let scheme = request.scheme();
        let default_of_old_scheme =
            new_scheme != scheme && (scheme == b"http" && port == b":80" || scheme == b"https" && port == b":443");
        if self.port.is_some() || default_of_old_scheme { host } else { authority }
    }
}

/// Writes the `Location` of the 301 that a virtual host with `require_tls` answers to plaintext requests: the same
/// address under https, with the port that the request had.
pub fn https_location(request: &impl RequestView, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(b"https://");
    out.extend_from_slice(request.authority());
    out.extend_from_slice(request.path_and_query());
}
