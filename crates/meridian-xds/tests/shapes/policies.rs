//! The sample's part about policies: TLS with client certificates, faults, CORS, mirrors, hashing, outlier detection.

use crate::sample::{
    access_log, chain, cluster, endpoint, forward, listener as plain_listener, manager, name, regex, route, tls,
    virtual_host,
};
use meridian_ir::access_log::{JsonFormat, LogFormat};
use meridian_ir::cluster::{
    Discovery, LbPolicy, OutlierDetection, ProxyProtocolVersion, TcpKeepalive, UpstreamProtocol, WarmUp,
};
use meridian_ir::cors::Cors;
use meridian_ir::endpoint::{Address, LocalityWeight};
use meridian_ir::fault::{AbortStatus, Fault, FaultAbort, FaultDelay};
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName};
use meridian_ir::format::Format;
use meridian_ir::fraction::Fraction;
use meridian_ir::hash_policy::HashPolicy;
use meridian_ir::http::{ClientCertDetails, ClientCertHeader, RouteSource};
use meridian_ir::listener::Capture;
use meridian_ir::route::{Forward, Mirror, PathMatch};
use meridian_ir::tls::{
    ClientAuth, DownstreamTls, PeerValidation, SYSTEM_AUTHORITY, TlsVersion, UpstreamSni, UpstreamTls,
};
use meridian_ir::{
    AccessLog, Action, Authority, Cluster, Endpoint, Endpoints, FilterChain, HttpConnectionManager, Listener, Name,
    PortMatch, Route, RouteConfig, StringMatch,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const AUTHORITY: &str = "kubernetes://example-cacert";
const SPREAD: &str = "outbound|8000|spread|httpbin.default.svc.cluster.local";

pub(crate) fn authorities() -> BTreeMap<Name, Arc<Authority>> {
    let authority = Authority {
        name: name(AUTHORITY),
        certificates: include_bytes!("data/example.crt").to_vec(),
        revocation_lists: Vec::new(),
    };
    [(authority.name.clone(), Arc::new(authority))].into()
}

fn fault() -> Fault {
    Fault {
        delay: Some(FaultDelay { duration: Duration::from_millis(1500), fraction: Fraction::from_percent(12.5) }),
        abort: Some(FaultAbort { status: AbortStatus::Http(503), fraction: Fraction::ALL }),
    }
}

fn cors() -> Cors {
    Cors {
        allow_origins: vec![
            StringMatch::Exact("https://a.example.com".into()),
            StringMatch::Regex(regex("https://.*")),
        ],
        allow_methods: Some("GET,POST".into()),
        allow_headers: Some("x-a".into()),
        expose_headers: Some("x-b".into()),
        max_age: Some("600".into()),
        allow_credentials: true,
        forward_unmatched_preflights: false,
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let cookie = HashPolicy::Cookie {
        name: "session".into(),
        path: "/".into(),
        ttl: Some(Duration::ZERO),
        attributes: vec![("SameSite".into(), "Lax".into()), ("Secure".into(), "".into())],
    };
    let forwarded = Forward {
        mirrors: vec![
            Mirror { cluster: SPREAD.into(), fraction: Fraction::ALL },
            Mirror { cluster: "outbound|80||nowhere".into(), fraction: Fraction::from_percent(0.5) },
        ],
        hash_policies: vec![
            HashPolicy::Header("x-user".into()),
            cookie,
            HashPolicy::SourceIp,
            HashPolicy::Query("user".into()),
        ],
        ..forward(SPREAD)
    };
    let at = |path: &str, action| route(PathMatch::Exact(path.into()), action);
    let grpc = Fault {
        delay: None,
        abort: Some(FaultAbort { status: AbortStatus::Grpc(14), fraction: Fraction::from_percent(50.0) }),
    };
    let wide = Cors {
        allow_origins: vec![StringMatch::Exact("*".into())],
        forward_unmatched_preflights: true,
        ..Cors::default()
    };
    vec![
        Route {
            fault: Some(Arc::new(fault())),
            cors: Some(Arc::new(cors())),
            ..at("/all", Action::Forward(forwarded))
        },
        Route { fault: Some(Arc::new(grpc)), ..at("/grpc", Action::Forward(forward(SPREAD))) },
        Route { cors: Some(Arc::new(wide)), ..at("/cors", Action::Forward(forward(SPREAD))) },
    ]
}

fn json_log() -> AccessLog {
    let text = |text: &str| JsonFormat::String(Format::parse(text).expect("a format"));
    let members = vec![
        ("fixed".into(), JsonFormat::Bool(true)),
        ("nested".into(), JsonFormat::Object(vec![("list".into(), JsonFormat::Array(vec![text("%PROTOCOL%")]))])),
        ("number".into(), JsonFormat::Number("7".into())),
        ("status".into(), text("%RESPONSE_CODE%")),
    ];
    AccessLog { format: LogFormat::Json(Arc::new(JsonFormat::Object(members))), ..access_log() }
}

fn validation() -> PeerValidation {
    PeerValidation {
        authority: Some(AUTHORITY.into()),
        crl_file: None,
        subject_alt_names: vec![
            StringMatch::Exact("client.example.com".into()),
            StringMatch::Suffix(".example.org".into()),
        ],
        spki: vec![[7; 32]],
        hashes: vec![[0xab; 32], [1; 32]],
        accept_untrusted: false,
    }
}

fn secure(host: &str, tls: DownstreamTls, header: ClientCertHeader) -> FilterChain {
    let routes = RouteConfig::new("secure", vec![virtual_host("secure:443", &["*"], Vec::new())]);
    let manager = HttpConnectionManager {
        client_cert_header: header,
        client_cert_details: ClientCertDetails { chain: true, ..ClientCertDetails::default() },
        access_log: vec![json_log()],
        ..manager("outbound_127.0.0.4_0", RouteSource::Inline(Arc::new(routes)))
    };
    FilterChain {
        matcher: ChainMatch { server_names: vec![ServerName::Exact(host.into())], ..ChainMatch::default() },
        tls: Some(Arc::new(tls)),
        ..chain(Filters::Http(Arc::new(manager)))
    }
}

/// Client certificates of every kind, and a server without certificate.
pub(crate) fn listener() -> Listener {
    let with = |client_auth| DownstreamTls { client_auth, ..tls("kubernetes://example") };
    let ciphers = DownstreamTls {
        cipher_suites: vec!["ECDHE-RSA-AES128-GCM-SHA256".into(), "ECDHE-ECDSA-AES256-GCM-SHA384".into()],
        max_version: TlsVersion::Tls12,
        ..tls("kubernetes://example")
    };
    let unjudged = PeerValidation::default();
    let by_hash = PeerValidation { hashes: vec![[3; 32]], ..PeerValidation::default() };
    let missing = PeerValidation { authority: Some("kubernetes://missing-cacert".into()), ..PeerValidation::default() };
    let chains = vec![
        secure("required.example.com", with(ClientAuth::Required(validation())), ClientCertHeader::AppendForward),
        secure("optional.example.com", with(ClientAuth::Optional(validation())), ClientCertHeader::ForwardOnly),
        secure("unjudged.example.com", with(ClientAuth::Optional(unjudged)), ClientCertHeader::Sanitize),
        secure("hash.example.com", with(ClientAuth::Required(by_hash)), ClientCertHeader::AlwaysForwardOnly),
        secure("missing.example.com", with(ClientAuth::Required(missing)), ClientCertHeader::SanitizeSet),
        secure("ciphers.example.com", ciphers, ClientCertHeader::Sanitize),
        secure(
            "refused.example.com",
            DownstreamTls { certificates: Vec::new(), ..tls("") },
            ClientCertHeader::Sanitize,
        ),
    ];
    let range = |start, end| PortMatch::Range { start, end };
    let some = PortMatch::Or(vec![range(80, 81), PortMatch::Not(Box::new(range(0, 1024)))]);
    Listener {
        proxy_protocol: true,
        http_inspector: true,
        additional_addresses: vec!["[::1]:0".parse().expect("an address")],
        capture: Capture {
            original_dst: true,
            hand_over: true,
            tls_inspector_disabled: range(15006, 15007),
            http_inspector_disabled: PortMatch::And(vec![some, PortMatch::Any]),
        },
        ..plain_listener("127.0.0.4_0", "127.0.0.4:0", chains)
    }
}

fn upstream_tls() -> UpstreamTls {
    UpstreamTls {
        certificate: None,
        validation: PeerValidation { authority: Some(SYSTEM_AUTHORITY.into()), ..PeerValidation::default() },
        validate_sni: true,
        sni: UpstreamSni::Host,
        alpn: vec!["h2".into()],
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    }
}

fn outlier_detection() -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: 3,
        consecutive_gateway_failure: 0,
        consecutive_local_origin_failure: 4,
        split_external_local_origin_errors: true,
        interval: Duration::from_secs(1),
        base_ejection_time: Duration::from_secs(180),
        max_ejection_time: Duration::from_secs(600),
        max_ejection_percent: 100,
    }
}

pub(crate) fn clusters() -> Vec<Cluster> {
    let mutual = UpstreamTls {
        certificate: Some("kubernetes://example".into()),
        validation: PeerValidation {
            authority: Some(AUTHORITY.into()),
            subject_alt_names: vec![StringMatch::Exact("a.example.com".into())],
            ..PeerValidation::default()
        },
        validate_sni: false,
        sni: UpstreamSni::Fixed("a.example.com".into()),
        alpn: Vec::new(),
        ..upstream_tls()
    };
    let trusting = UpstreamTls {
        validation: PeerValidation::default(),
        validate_sni: false,
        sni: UpstreamSni::None,
        ..mutual.clone()
    };
    let made = |name: &str| cluster(name, Discovery::Static);
    vec![
        Cluster {
            lb_policy: LbPolicy::RingHash { minimum_size: 2048 },
            locality_weighted: true,
            healthy_panic_percent: 10,
            outlier_detection: Some(outlier_detection()),
            ..cluster(SPREAD, Discovery::Eds)
        },
        Cluster { lb_policy: LbPolicy::Maglev { table_size: 65537 }, ..made("outbound|80||maglev") },
        Cluster {
            warm_up: Some(WarmUp { duration: Duration::from_secs(60), minimum_percent: 12.5, aggression: 1.0 }),
            outlier_detection: Some(OutlierDetection {
                split_external_local_origin_errors: false,
                consecutive_local_origin_failure: 0,
                max_ejection_time: Duration::from_secs(300),
                ..outlier_detection()
            }),
            ..made("outbound|80||warm")
        },
        Cluster {
            lb_policy: LbPolicy::RoundRobin,
            warm_up: Some(WarmUp { duration: Duration::from_secs(60), minimum_percent: 10.0, aggression: 1.5 }),
            tcp_keepalive: Some(TcpKeepalive {
                probes: Some(3),
                time: Some(Duration::from_secs(7200)),
                interval: None,
            }),
            max_connection_duration: Some(Duration::from_secs(90)),
            ..made("outbound|80||old")
        },
        Cluster {
            protocol: UpstreamProtocol::Http2,
            max_concurrent_streams: Some(100),
            tls: Some(Arc::new(upstream_tls())),
            ..made("outbound|443||h2")
        },
        Cluster { tls: Some(Arc::new(mutual)), ..made("outbound|443||mutual") },
        Cluster {
            proxy_protocol: Some(ProxyProtocolVersion::V2),
            tls: Some(Arc::new(trusting)),
            ..made("outbound|443||trusting")
        },
        Cluster {
            proxy_protocol: Some(ProxyProtocolVersion::V1),
            protocol: UpstreamProtocol::Downstream,
            tcp_keepalive: Some(TcpKeepalive::default()),
            ..made("outbound|80||either")
        },
        Cluster {
            lb_policy: LbPolicy::ClusterProvided,
            port_override: Some(8443),
            ..cluster("outbound|80||*.example.org", Discovery::OriginalDst)
        },
    ]
}

/// Two localities with weights, and one for when they fail.
pub(crate) fn endpoints() -> Vec<(&'static str, Endpoints)> {
    let at = |last: u8, locality: &str, priority| Endpoint {
        locality: locality.into(),
        priority,
        ..endpoint(Address::Socket(([127, 0, 0, last], 8000).into()))
    };
    let weight = |locality: &str, priority, weight| LocalityWeight { locality: locality.into(), priority, weight };
    let spread = Endpoints {
        endpoints: vec![at(11, "a/b", 0), at(12, "a/c", 0), at(13, "a/c", 0), at(14, "d", 1)],
        locality_weights: vec![weight("a/b", 0, 80), weight("a/c", 0, 20), weight("d", 1, 1)],
    };
    vec![(SPREAD, spread)]
}
