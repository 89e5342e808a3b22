//! What the codec costs: nanoseconds per message on one core, medians of several rounds.
//!
//! `cargo run --release -p meridian-http --example cost`

use std::hint::black_box;
use std::time::Instant;

use meridian_http::body::{BodyDecoder, BodyEvent};
use meridian_http::path::{Normalization, canonicalize};
use meridian_http::{Framing, HeadLimits, RequestHead, RequestOptions, ResponseHead, ResponseTo, write};

const REQUEST: &[u8] = b"GET /status/200?verbose=1 HTTP/1.1\r\nHost: httpbin.example.com\r\nUser-Agent: curl/8.5.0\r\n\
    Accept: */*\r\nAccept-Encoding: gzip\r\nX-Request-Id: 2f7ac0f7-1f1b-4d2a-a7a4-2f1c0e5b2a11\r\n\r\n";
const BROWSER: &[u8] = b"GET /assets/app.js HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\nUser-Agent: Mozilla/5.0 (X11; \
    Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\nAccept: text/html,\
    application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\nReferer: https://www.example.com/index.html\r\nAccept-Encoding: \
    gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 09:15:42 GMT\r\nContent-Type: \
    application/json\r\nContent-Length: 120\r\nConnection: keep-alive\r\n\r\n";

/// Median nanoseconds of one call.
fn measure(name: &str, mut work: impl FnMut()) {
    const CALLS: u32 = 200_000;
    let mut rounds: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                work();
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:<44} {:>8.1} ns", rounds[rounds.len() / 2]);
}

fn main() {
    let options = RequestOptions::default();
    let limits = HeadLimits::default();
    for (name, bytes) in [("request, 5 fields", REQUEST), ("request of a browser, 13 fields", BROWSER)] {
        let mut buf = bytes.to_vec();
        let mut head = RequestHead::new();
        measure(name, || {
            head.reset();
            let _ = black_box(head.parse(black_box(&mut buf), &options));
        });
        let mut out = Vec::with_capacity(4096);
        measure(&format!("{name}: write"), || {
            out.clear();
            head.write_forwarded(&buf, head.path(&buf), head.authority(&buf), &mut out);
            write::field(&mut out, "x-forwarded-for", "10.0.0.1");
            write::end(&mut out);
            black_box(&out);
        });
    }
    let mut buf = RESPONSE.to_vec();
    let mut head = ResponseHead::new();
    measure("response, 5 fields", || {
        head.reset();
        let _ = black_box(head.parse(black_box(&mut buf), &limits, &ResponseTo::default()));
    });
    let mut out = Vec::with_capacity(4096);
    measure("response, 5 fields: write", || {
        out.clear();
        head.write_forwarded(&buf, &mut out);
        write::number_field(&mut out, "x-envoy-upstream-service-time", 3);
        write::end(&mut out);
        black_box(&out);
    });
    for (name, path) in [("path, canonical", "/api/v1/users/4711/orders.json?q=1"), ("path, with %20", "/a/b%20c/d")] {
        measure(name, || {
            let _ = black_box(canonicalize(black_box(path.as_bytes()), Normalization::Base, &mut out));
        });
    }
    let mut chunks = Vec::new();
    for _ in 0..8 {
        meridian_http::body::push_chunk(&mut chunks, &[b'x'; 8192]);
    }
    chunks.extend_from_slice(meridian_http::body::LAST_CHUNK);
    measure("body, 8 chunks of 8 KiB", || {
        let mut body = BodyDecoder::new(Framing::Chunked, &limits);
        let mut at = 0;
        while let Ok(step) = body.decode(black_box(&chunks[at..])) {
            at += step.consumed;
            if step.event == BodyEvent::End {
                break;
            }
        }
        black_box(at);
    });
}
