//! One rule of a policy as permissions and principals (Istio's `pilot/pkg/security/authz/model`).

use super::text::{self, Unusable};
use super::trust_domain;
use crate::mesh::MeshConfig;
use meridian_ir::rbac::{MetadataMatch, Permission, Principal, ValueMatch};
use meridian_ir::{Name, PortMatch};
use meridian_resources::istio::authorization_policy::{Condition, Operation, Rule, SourceMatch, values};

/// The filter that checks tokens, where it notes them.
const JWT: &str = "envoy.filters.http.jwt_authn";
/// The key under which it does.
const JWT_PAYLOAD: &str = "payload";

/// How much a value takes in beside what it says. Whatever means less access may take in more: what is written in
/// another way, but means the same to who serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// Values that match give access: they match as written, and those that must not match take in more.
    Narrow,
    /// Values that match take access away: they take in more, and those that must not match, as written.
    Wide,
    /// Everything matches as written.
    Exact,
}

/// Makes the rules of one policy.
pub(super) struct Maker<'a> {
    pub(super) mesh: &'a MeshConfig,
    /// The policy's namespace.
    pub(super) namespace: &'a str,
    /// The rules are for requests.
    pub(super) is_http: bool,
    /// A rule with something that cannot be matched here does not exist; otherwise only that part of it is left out.
    pub(super) skips: bool,
    pub(super) width: Width,
}

/// Values, and those that there must not be.
struct Lists<'v> {
    values: &'v [String],
    not_values: &'v [String],
}

fn lists<'v>(values: &'v [String], not_values: &'v [String]) -> Lists<'v> {
    Lists { values, not_values }
}

/// Permissions and principals are put together in the same way.
trait Matcher: Sized {
    const ANY: Self;
    fn and(all: Vec<Self>) -> Self;
    fn or(some: Vec<Self>) -> Self;
    fn not(one: Self) -> Self;
}

impl Matcher for Permission {
    const ANY: Self = Self::Any;
    fn and(all: Vec<Self>) -> Self {
        Self::And(all)
    }
    fn or(some: Vec<Self>) -> Self {
        Self::Or(some)
    }
    fn not(one: Self) -> Self {
        Self::Not(Box::new(one))
    }
}

impl Matcher for Principal {
    const ANY: Self = Self::Any;
    fn and(all: Vec<Self>) -> Self {
        Self::And(all)
    }
    fn or(some: Vec<Self>) -> Self {
        Self::Or(some)
    }
    fn not(one: Self) -> Self {
        Self::Not(Box::new(one))
    }
}

impl Maker<'_> {
    /// What a rule permits, and to whom.
    ///
    /// # Errors
    /// The rule cannot match here.
    pub(super) fn rule(&self, rule: &Rule) -> Result<(Vec<Permission>, Vec<Principal>), Unusable> {
        let (mut what, mut who) = (Vec::new(), Vec::new());
        for condition in &rule.when {
            self.condition(condition, &mut what, &mut who)?;
        }
        let mut permissions = Vec::with_capacity(rule.to.len().max(1));
        for operation in rule.to.iter().map(|to| to.operation.as_ref()) {
            let mut all = Vec::new();
            if let Some(operation) = operation {
                self.operation(operation, &mut all)?;
            }
            all.extend(what.iter().cloned());
            permissions.push(all_of(all));
        }
        if rule.to.is_empty() {
            permissions.push(all_of(what));
        }
        let mut principals = Vec::with_capacity(rule.from.len().max(1));
        for source in rule.from.iter().map(|from| from.source.as_ref()) {
            let mut all = Vec::new();
            if let Some(source) = source {
                self.source(source, &mut all)?;
            }
            all.extend(who.iter().cloned());
            principals.push(all_of(all));
        }
        if rule.from.is_empty() {
            principals.push(all_of(who));
        }
        Ok((permissions, principals))
    }

    /// What is done, in the order in which Istio asks for it.
    fn operation(&self, operation: &Operation, all: &mut Vec<Permission>) -> Result<(), Unusable> {
        let Operation { hosts, methods, not_hosts, not_methods, not_paths, not_ports, paths, ports } = operation;
        self.each(&lists(hosts, not_hosts), all, |value, wide| self.host(value, wide))?;
        self.each(&lists(methods, not_methods), all, |value, _| {
            self.of_request().and_then(|()| text::header(":method", value)).map(Permission::Header)
        })?;
        self.each(&lists(paths, not_paths), all, |value, wide| self.path(value, wide))?;
        self.each(&lists(ports, not_ports), all, |value, _| port(value))
    }

    /// Who does it, in the order in which Istio asks for it.
    fn source(&self, source: &SourceMatch, all: &mut Vec<Principal>) -> Result<(), Unusable> {
        self.principals(&lists(&source.principals, &source.not_principals), all)?;
        self.whole(&lists(&source.request_principals, &source.not_request_principals), all, |values| {
            self.request_principals(values)
        })?;
        let accounts = lists(&source.service_accounts, &source.not_service_accounts);
        self.each(&accounts, all, |value, _| self.service_account(value))?;
        self.trust_domains(&lists(&source.trust_domains, &source.not_trust_domains), all)?;
        self.each(&lists(&source.namespaces, &source.not_namespaces), all, |value, _| namespace(value))?;
        let remote = lists(&source.remote_ip_blocks, &source.not_remote_ip_blocks);
        self.each(&remote, all, |value, _| range(value).map(Principal::RemoteIp))?;
        let direct = lists(&source.ip_blocks, &source.not_ip_blocks);
        self.each(&direct, all, |value, _| range(value).map(Principal::DirectRemoteIp))
    }

    /// What else must be so: some attributes are of what is done, others of who does it.
    fn condition(
        &self,
        condition: &Condition,
        what: &mut Vec<Permission>,
        who: &mut Vec<Principal>,
    ) -> Result<(), Unusable> {
        let (key, values) = (condition.key.as_str(), &lists(&condition.values, &condition.not_values));
        match key {
            "destination.ip" => self.each(values, what, |value, _| range(value).map(Permission::DestinationIp)),
            "destination.port" => self.each(values, what, |value, _| port(value)),
            "connection.sni" => self.each(values, what, server_name),
            "source.ip" => self.each(values, who, |value, _| range(value).map(Principal::DirectRemoteIp)),
            "remote.ip" => self.each(values, who, |value, _| range(value).map(Principal::RemoteIp)),
            "source.namespace" => self.each(values, who, |value, _| namespace(value)),
            "source.trustDomain" => self.trust_domains(values, who),
            "source.serviceAccount" => self.each(values, who, |value, _| self.service_account(value)),
            "source.principal" => self.principals(values, who),
            "request.auth.principal" => self.whole(values, who, |values| self.request_principals(values)),
            "request.auth.audiences" => self.whole(values, who, |values| self.claims(&["aud"], values)),
            "request.auth.presenter" => self.whole(values, who, |values| self.claims(&["azp"], values)),
            _ => match key.split_once('[') {
                Some(("request.headers", _)) => {
                    let name = values::in_brackets(key).map_err(|_| Unusable)?;
                    self.each(values, who, |value, wide| self.header(name, value, wide))
                }
                Some(("request.auth.claims", _)) => {
                    let name = values::in_brackets(key).map_err(|_| Unusable)?;
                    self.whole(values, who, |values| self.claims(&values::in_nested_brackets(name), values))
                }
                Some((filter, _)) if filter.starts_with("experimental.envoy.filters.") => {
                    let name = values::in_brackets(key).map_err(|_| Unusable)?;
                    self.whole(values, what, |values| metadata(filter, name, values))
                }
                _ => Err(Unusable),
            },
        }
    }

    /// Adds that one of the values matches, and none of those that must not.
    fn each<M: Matcher>(
        &self,
        lists: &Lists<'_>,
        all: &mut Vec<M>,
        make: impl Fn(&str, bool) -> Result<M, Unusable>,
    ) -> Result<(), Unusable> {
        let made = |values: &[String], wide: bool| {
            let mut some = Vec::with_capacity(values.len());
            for value in values {
                match make(value, wide) {
                    Ok(matcher) => some.push(matcher),
                    Err(error) if self.skips => return Err(error),
                    Err(_) => {}
                }
            }
            Ok(some)
        };
        let some = made(lists.values, self.width == Width::Wide)?;
        if !some.is_empty() {
            all.push(M::or(some));
        }
        let some = made(lists.not_values, self.width == Width::Narrow)?;
        if !some.is_empty() {
            all.push(M::not(M::or(some)));
        }
        Ok(())
    }

    /// As [`Self::each`], where all values together are one matcher.
    fn whole<M: Matcher>(
        &self,
        lists: &Lists<'_>,
        all: &mut Vec<M>,
        make: impl Fn(&[String]) -> Result<M, Unusable>,
    ) -> Result<(), Unusable> {
        let mut add = |values: &[String], wrap: fn(M) -> M| {
            if values.is_empty() {
                return Ok(());
            }
            match make(values) {
                Ok(matcher) => all.push(wrap(matcher)),
                Err(error) if self.skips => return Err(error),
                Err(_) => {}
            }
            Ok(())
        };
        add(lists.values, |matcher| matcher)?;
        add(lists.not_values, M::not)
    }

    /// Requests can be judged here.
    fn of_request(&self) -> Result<(), Unusable> {
        if self.is_http { Ok(()) } else { Err(Unusable) }
    }

    fn host(&self, value: &str, wide: bool) -> Result<Permission, Unusable> {
        self.of_request()?;
        if value == "*" {
            return text::header(":authority", value).map(Permission::Header);
        }
        if wide {
            return Ok(one_of(text::host_forms(value)?.into_iter().map(Permission::Host).collect()));
        }
        text::wildcard(value).map(Permission::Host)
    }

    fn path(&self, value: &str, wide: bool) -> Result<Permission, Unusable> {
        self.of_request()?;
        let path = if wide { text::path_forms(value, self.mesh.path_normalization) } else { text::path(value) };
        path.map(Permission::Path)
    }

    fn header(&self, name: &str, value: &str, wide: bool) -> Result<Principal, Unusable> {
        self.of_request()?;
        let as_written = Principal::Header(text::header(name, value)?);
        if !wide || value == "*" {
            return Ok(as_written);
        }
        Ok(Principal::Or(vec![as_written, Principal::Header(text::header_element(name, value)?)]))
    }

    fn principals(&self, lists: &Lists<'_>, all: &mut Vec<Principal>) -> Result<(), Unusable> {
        let values = trust_domain::with_aliases(lists.values, self.mesh);
        let not_values = trust_domain::with_aliases(lists.not_values, self.mesh);
        let lists = Lists { values: &values, not_values: &not_values };
        self.each(&lists, all, |value, _| text::wildcard_behind("spiffe://", value).map(Principal::Authenticated))
    }

    fn trust_domains(&self, lists: &Lists<'_>, all: &mut Vec<Principal>) -> Result<(), Unusable> {
        let values = trust_domain::expanded(lists.values, self.mesh);
        let not_values = trust_domain::expanded(lists.not_values, self.mesh);
        let lists = Lists { values: &values, not_values: &not_values };
        self.each(&lists, all, |value, _| of_trust_domain(value))
    }

    /// `ACCOUNT` or `NAMESPACE/ACCOUNT`, whatever else the identity says.
    fn service_account(&self, value: &str) -> Result<Principal, Unusable> {
        let (namespace, account) = value.split_once('/').unwrap_or((self.namespace, value));
        let (namespace, account) = (text::quoted(namespace), text::quoted(account));
        text::regex(&format!("spiffe://.+/ns/{namespace}/(.+/|)sa/{account}(/.+)?")).map(Principal::Authenticated)
    }

    /// `ISSUER/SUBJECT`, where the issuer may have slashes of its own.
    fn request_principals(&self, values: &[String]) -> Result<Principal, Unusable> {
        self.of_request()?;
        let any = || text::regex(".+");
        let mut some = Vec::with_capacity(values.len());
        for value in values {
            let (issuer, subject) = value.rsplit_once('/').map_or((value.as_str(), None), |(a, b)| (a, Some(b)));
            let (issuer, subject) = match (subject, issuer) {
                (None, "*") => (any()?, any()?),
                (None, value) if value.starts_with('*') => (any()?, text::wildcard(value)?),
                (None, value) if value.ends_with('*') => (text::wildcard(value)?, any()?),
                (None, value) => (text::wildcard(value)?, meridian_ir::StringMatch::Exact("".into())),
                (Some(subject), issuer) if issuer.starts_with('*') => (text::wildcard(issuer)?, exact(subject)),
                (Some(subject), issuer) => (exact(issuer), text::wildcard(subject)?),
            };
            let claim = |name: &str, value| Principal::Metadata(claim(&[name], ValueMatch::Text(value)));
            some.push(Principal::And(vec![claim("iss", issuer), claim("sub", subject)]));
        }
        Ok(one_of(some))
    }

    /// A claim that is one of the values, or a list with one of them.
    fn claims(&self, path: &[&str], values: &[String]) -> Result<Principal, Unusable> {
        self.of_request()?;
        let value = text::one_of(values)?;
        let in_list = ValueMatch::OneOf(Box::new(value.clone()));
        Ok(Principal::Metadata(claim(path, ValueMatch::Or(vec![in_list, value]))))
    }
}

fn exact(text: &str) -> meridian_ir::StringMatch {
    meridian_ir::StringMatch::Exact(text.into())
}

fn claim(path: &[&str], value: ValueMatch) -> MetadataMatch {
    let path = std::iter::once(&JWT_PAYLOAD).chain(path).map(|key| Name::from(*key)).collect();
    MetadataMatch { filter: JWT.into(), path, value }
}

fn all_of<M: Matcher>(all: Vec<M>) -> M {
    M::and(if all.is_empty() { vec![M::ANY] } else { all })
}

/// One of several; a single one is itself.
fn one_of<M: Matcher>(mut some: Vec<M>) -> M {
    if some.len() == 1 { some.remove(0) } else { M::or(some) }
}

fn range(value: &str) -> Result<ipnet::IpNet, Unusable> {
    values::ip_block(value).map(|range| range.trunc()).map_err(|_| Unusable)
}

fn port(value: &str) -> Result<Permission, Unusable> {
    let port: u32 = values::port(value).map_err(|_| Unusable)?.into();
    Ok(Permission::DestinationPort(PortMatch::Range { start: port, end: port + 1 }))
}

fn server_name(value: &str, wide: bool) -> Result<Permission, Unusable> {
    if wide {
        return Ok(one_of(text::server_name_forms(value)?.into_iter().map(Permission::ServerName).collect()));
    }
    text::wildcard(value).map(Permission::ServerName)
}

/// A namespace in an identity, with an asterisk for any letters.
fn namespace(value: &str) -> Result<Principal, Unusable> {
    let parts: Vec<String> = value.split('*').map(text::quoted).collect();
    text::regex(&format!(".*/ns/{}/.*", parts.join(".*"))).map(Principal::Authenticated)
}

fn of_trust_domain(value: &str) -> Result<Principal, Unusable> {
    let matcher = match value.split_once('*') {
        Some(("", "")) => meridian_ir::StringMatch::Prefix("spiffe://".into()),
        None => meridian_ir::StringMatch::Prefix(format!("spiffe://{value}/").into()),
        Some((start, end)) => text::regex(&format!("spiffe://{}[^/]*{}/.*", text::quoted(start), text::quoted(end)))?,
    };
    Ok(Principal::Authenticated(matcher))
}

/// What some other filter has noted; `[v]` is a list with the member `v`.
fn metadata(filter: &str, key: &str, values: &[String]) -> Result<Permission, Unusable> {
    let mut some = Vec::with_capacity(values.len());
    for value in values {
        some.push(match value.strip_prefix('[').and_then(|value| value.strip_suffix(']')) {
            Some(member) => ValueMatch::OneOf(Box::new(ValueMatch::Text(text::wildcard(member)?))),
            None => ValueMatch::Text(text::wildcard(value)?),
        });
    }
    let filter = filter.strip_prefix("experimental.").unwrap_or(filter);
    Ok(Permission::Metadata(MetadataMatch { filter: filter.into(), path: vec![key.into()], value: text::any_of(some) }))
}
