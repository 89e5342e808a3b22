//! The data plane: workers, listeners, HTTP/1.1 and TCP forwarding, pools, access log, stats, admin.
