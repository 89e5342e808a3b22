use super::*;
use crate::request::PlainRequest;
use crate::route::{DirectResponse, HeaderMatch, RouteMatch};
use crate::string_match::FullRegex;
use crate::{Action, HeaderEdits, VirtualHost};
use proptest::prelude::*;

fn route(path: PathMatch, case_sensitive: bool, header: bool) -> Arc<Route> {
    let headers =
        if header { vec![HeaderMatch { name: "x-a".into(), value: None, invert: false }] } else { Vec::new() };
    Arc::new(Route {
        name: "".into(),
        matcher: RouteMatch { path, case_sensitive, headers, query: Vec::new() },
        action: Action::Direct(DirectResponse { status: 200, body: Vec::new() }),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        fault: None,
        cors: None,
        ext_authz: None,
        origin: None,
    })
}

fn prefix(path: &str) -> Arc<Route> {
    route(PathMatch::Prefix(path.into()), true, false)
}

#[test]
fn few_routes_need_no_index() {
    assert_eq!(RouteIndex::new(&vec![prefix("/"); WORTH_IT - 1]), None);
    assert!(RouteIndex::new(&vec![prefix("/"); WORTH_IT]).is_some());
}

#[test]
fn the_first_of_many_wins() {
    let mut routes: Vec<Arc<Route>> = (0..1000).map(|number| prefix(&format!("/svc-{number}/"))).collect();
    routes.insert(500, prefix("/"));
    routes.insert(3, route(PathMatch::Regex(FullRegex::new("/svc-90.*").expect("a regex")), true, true));
    let index = RouteIndex::new(&routes).expect("many routes");
    let find = |request: PlainRequest| index.find(&routes, &request);
    assert_eq!(find(PlainRequest::get("h", "/svc-7/x?y=/svc-1/")), Some(8));
    assert_eq!(find(PlainRequest::get("h", "/svc-901/")), Some(501), "the catch-all comes before it");
    assert_eq!(find(PlainRequest::get("h", "/svc-901/").header("x-a", "")), Some(3));
    assert_eq!(find(PlainRequest::get("h", "")), None);
}

fn paths() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["/", "/a", "/a/", "/a/b", "/A", "/ab", "/a/b/c", "/b", ""]).prop_map(str::to_owned)
}

fn routes() -> impl Strategy<Value = Vec<Arc<Route>>> {
    let one = (paths(), 0..4, any::<bool>(), any::<bool>()).prop_map(|(path, kind, case_sensitive, header)| {
        let matcher = match kind {
            0 => PathMatch::Exact(path.as_str().into()),
            1 => PathMatch::Prefix(path.as_str().into()),
            2 => PathMatch::PathSeparatedPrefix(path.trim_end_matches('/').into()),
            _ => PathMatch::Regex(FullRegex::new(&format!("{path}.*")).expect("a regex")),
        };
        route(matcher, case_sensitive, header)
    });
    proptest::collection::vec(one, WORTH_IT..40)
}

proptest! {
    #[test]
    fn it_finds_what_looking_at_all_finds(routes in routes(), path in paths(), query in any::<bool>(), header in any::<bool>()) {
        let mut request = PlainRequest::get("h", &if query { format!("{path}?/a/b") } else { path });
        if header {
            request = request.header("x-a", "1");
        }
        let host = VirtualHost { name: "".into(), domains: Vec::new(), routes: routes.clone(), require_tls: false };
        let expected = host.route(&request);
        let found = RouteIndex::new(&routes).expect("many routes").find(&routes, &request).map(|at| &routes[at]);
        prop_assert_eq!(found.map(Arc::as_ptr), expected.map(Arc::as_ptr));
    }
}
