//! Ways that lead around a policy, if it is not careful: the bytes of a connection, and what becomes of each.

/// One way.
pub(super) struct Way {
    /// What it tries.
    pub(super) name: &'static str,
    /// What is sent.
    pub(super) bytes: &'static str,
    /// The status of the last answer.
    pub(super) status: u16,
    /// That of the real Envoy's, with a route that answers 200 by itself.
    pub(super) in_envoy: u16,
}

pub(super) const fn way(name: &'static str, bytes: &'static str, status: u16) -> Way {
    Way { name, bytes, status, in_envoy: status }
}

impl Way {
    /// Envoy does something else: why is said where this is used.
    const fn but_in_envoy(self, in_envoy: u16) -> Self {
        Self { in_envoy, ..self }
    }
}

/// Around DENY: hosts `secret.test` and below it, the path `/anything/admin` and below it, a header, a method.
pub(super) const DENIED: &[Way] = &[
    way("the host", "GET /anything/way HTTP/1.1\r\nHost: secret.test\r\nConnection: close\r\n\r\n", 403),
    way("in capitals", "GET /anything/way HTTP/1.1\r\nHost: SECRET.TEST\r\nConnection: close\r\n\r\n", 403),
    way("HOST in capitals", "GET /anything/way HTTP/1.1\r\nHOST: secret.test\r\nConnection: close\r\n\r\n", 403),
    way("with its port", "GET /anything/way HTTP/1.1\r\nHost: secret.test:80\r\nConnection: close\r\n\r\n", 403),
    way("with another port", "GET /anything/way HTTP/1.1\r\nHost: secret.test:8443\r\nConnection: close\r\n\r\n", 403),
    way("with an empty port", "GET /anything/way HTTP/1.1\r\nHost: secret.test:\r\nConnection: close\r\n\r\n", 403),
    way("with a long port", "GET /anything/way HTTP/1.1\r\nHost: secret.test:00080\r\nConnection: close\r\n\r\n", 403),
    way("with the root's dot", "GET /anything/way HTTP/1.1\r\nHost: secret.test.\r\nConnection: close\r\n\r\n", 403),
    way("with dot and port", "GET /anything/way HTTP/1.1\r\nHost: Secret.test.:80\r\nConnection: close\r\n\r\n", 403),
    way("below it", "GET /anything/way HTTP/1.1\r\nHost: a.secret.test\r\nConnection: close\r\n\r\n", 403),
    way("deep below it", "GET /anything/way HTTP/1.1\r\nHost: A.b.SECRET.test.:1\r\nConnection: close\r\n\r\n", 403),
    way("blanks before it", "GET /anything/way HTTP/1.1\r\nHost: \t  secret.test\r\nConnection: close\r\n\r\n", 403),
    way("blanks behind it", "GET /anything/way HTTP/1.1\r\nHost: secret.test \t\r\nConnection: close\r\n\r\n", 403),
    way("no blank", "GET /anything/way HTTP/1.1\r\nHost:secret.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "a blank before the colon",
        "GET /anything/way HTTP/1.1\r\nHost : secret.test\r\nConnection: close\r\n\r\n",
        400,
    ),
    // Envoy joins folded lines and takes the first of several hosts; here neither is taken.
    way("folded", "GET /anything/way HTTP/1.1\r\nHost:\r\n secret.test\r\nConnection: close\r\n\r\n", 400)
        .but_in_envoy(403),
    way(
        "two hosts, the other first",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nHost: secret.test\r\nConnection: close\r\n\r\n",
        400,
    )
    .but_in_envoy(200),
    way(
        "two hosts, the other last",
        "GET /anything/way HTTP/1.1\r\nHost: secret.test\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        400,
    )
    .but_in_envoy(200),
    way(
        "absolute form",
        "GET http://secret.test/anything/way HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "absolute form in capitals",
        "GET HTTP://SECRET.TEST:80/anything/way HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "absolute form of another scheme",
        "GET https://secret.test/anything/way HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("HTTP/1.0", "GET /anything/way HTTP/1.0\r\nHost: secret.test\r\n\r\n", 426),
    way("HEAD", "HEAD /anything/way HTTP/1.1\r\nHost: secret.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "a body in chunks",
        "POST /anything/way HTTP/1.1\r\nHost: secret.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
        403,
    ),
    way(
        "behind a request that may pass",
        "GET /anything/ok HTTP/1.1\r\nHost: open.test\r\n\r\nGET /anything/way HTTP/1.1\r\nHost: secret.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "inside a body",
        "POST /anything/ok HTTP/1.1\r\nHost: open.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /anything/way HTTP/1.1\r\nHost: secret.test\r\nConnection: close\r\n\r\n",
        400,
    ),
    way(
        "a websocket",
        "GET /anything/way HTTP/1.1\r\nHost: secret.test\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        403,
    ),
    way(
        "a forwarded host",
        "GET /anything/admin HTTP/1.1\r\nHost: open.test\r\nX-Forwarded-Host: a.test\r\nX-Original-URL: /\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("CONNECT", "CONNECT secret.test:80 HTTP/1.1\r\nHost: secret.test:80\r\nConnection: close\r\n\r\n", 404)
        .but_in_envoy(403),
    way("all of a host", "OPTIONS * HTTP/1.1\r\nHost: secret.test\r\nConnection: close\r\n\r\n", 404),
    way("the path", "GET /anything/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "its query",
        "GET /anything/admin?x=/anything/ok HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("an empty query", "GET /anything/admin? HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    // Envoy refuses it before.
    way("a fragment", "GET /anything/admin#x HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403)
        .but_in_envoy(400),
    way("below the path", "GET /anything/admin/x HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("a slash at the end", "GET /anything/admin/ HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("a dot segment", "GET /anything/./admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("two dots", "GET /anything/ok/../admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("escaped dots", "GET /anything/ok/%2e%2e/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "half escaped dots",
        "GET /anything/ok/.%2E/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("above the root", "GET /../../anything/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("two slashes", "GET //anything/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("two slashes inside", "GET /anything//admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("an escaped letter", "GET /anything/%61dmin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "all letters escaped",
        "GET /anything/%61%64%6d%69%6E HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("an escaped slash", "GET /anything%2fadmin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("an escaped backslash", "GET /anything%5Cadmin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("a backslash", "GET /anything\\admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("a parameter", "GET /anything/admin;a=b HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "a parameter before it",
        "GET /anything;a=b/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "dots with a parameter",
        "GET /anything/ok/..;/admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("an escaped NUL", "GET /anything/admin/%00 HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 400),
    way("a blank in the path", "GET /anything/ admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 400),
    way(
        "the path in absolute form",
        "GET http://open.test//anything/./admin HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("the method", "DELETE /anything/way HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "another address",
        "DELETE /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Forwarded-For: 192.0.2.1\r\nX-Envoy-External-Address: 192.0.2.1\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "the header",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Role: intruder\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "its name in capitals",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-ROLE:intruder\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "the header first",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Role: intruder\r\nX-Role: guest\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "the header last",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Role: guest\r\nx-role: intruder\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "in a list",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Role: guest,intruder\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "the header folded",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Role:\r\n intruder\r\nConnection: close\r\n\r\n",
        400,
    )
    .but_in_envoy(403),
    // Envoy takes out what Connection names before it asks.
    way(
        "the header as hop by hop",
        "GET /anything/way HTTP/1.1\r\nHost: open.test\r\nX-Role: intruder\r\nConnection: close, x-role\r\n\r\n",
        403,
    )
    .but_in_envoy(200),
];

/// Around ALLOW: GET of `/anything/open` and below `/anything/pub/` at `open.test`, without the header `x-key: stolen`.
pub(super) const ALLOWED: &[Way] = &[
    way("another host", "GET /anything/open HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n", 403),
    way("no host", "GET /anything/open HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    way("an empty host", "GET /anything/open HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 400).but_in_envoy(403),
    way("the host as a suffix", "GET /anything/open HTTP/1.1\r\nHost: xopen.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "the host as a prefix",
        "GET /anything/open HTTP/1.1\r\nHost: open.test.evil\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "a host with a port, which is another",
        "GET /anything/open HTTP/1.1\r\nHost: open.test:81\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "another host in absolute form",
        "GET http://other.test/anything/open HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "another method",
        "POST /anything/open HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        403,
    ),
    way(
        "a method in small letters",
        "get /anything/open HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        400,
    ),
    way(
        "a method by header",
        "POST /anything/open HTTP/1.1\r\nHost: open.test\r\nX-HTTP-Method-Override: GET\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        403,
    ),
    way("another path", "GET /anything/other HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("below the path", "GET /anything/open/x HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "out of the prefix",
        "GET /anything/pub/../other HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "out by escaped dots",
        "GET /anything/pub/%2e%2e/other HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "out by a backslash",
        "GET /anything/pub\\..\\other HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("the path in its query", "GET /?/anything/open HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way("the path in capitals", "GET /ANYTHING/OPEN HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n", 403),
    way(
        "the path by header",
        "GET /anything/other HTTP/1.1\r\nHost: open.test\r\nX-Envoy-Original-Path: /anything/open\r\nX-Original-URL: /anything/open\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "a value that must not be",
        "GET /anything/open HTTP/1.1\r\nHost: open.test\r\nX-Key: stolen\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "a value that must not be, behind another",
        "GET /anything/open HTTP/1.1\r\nHost: open.test\r\nX-Key: own\r\nX-Key: stolen\r\nConnection: close\r\n\r\n",
        403,
    ),
    way(
        "a value that must not be, in a list",
        "GET /anything/open HTTP/1.1\r\nHost: open.test\r\nX-Key: own, stolen\r\nConnection: close\r\n\r\n",
        403,
    ),
    way("no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\x7f\x03\x03 no HTTP at all\r\n\r\n", 400),
];
