//! `envoy.config.rbac.v3.RBAC`: who may do what, in the filters for HTTP and for connections.

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::route_match::{header_matcher, read_header};
use crate::string_matcher::{self, string_matcher, string_matcher_ignoring_case};
use crate::type_url;
use ipnet::IpNet;
use meridian_ir::rbac::{
    Effect, MetadataMatch, PathMatch, PathTemplate, Permission, Policy, Principal, Rbac, Rules, ValueMatch,
};
use meridian_ir::{Name, PortMatch, StringMatch};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Name of the HTTP filter.
pub(crate) const HTTP_FILTER: &str = "envoy.filters.http.rbac";

/// Name of the network filter.
pub(crate) const NETWORK_FILTER: &str = "envoy.filters.network.rbac";

const AUTHORITY: &str = ":authority";

/// Of Envoy's extension; what its matcher is called, as Istio has it.
const URI_TEMPLATE: &str = "uri-template";

/// The filter of a connection manager.
pub(crate) fn http_filter(rbac: &Rbac) -> Value {
    let config = with_rules(Message::any(type_url::HTTP_RBAC), rbac);
    Message::new().with("name", HTTP_FILTER).with("typedConfig", config).into()
}

/// The filter of a chain that passes bytes on.
pub(crate) fn network_filter(rbac: &Rbac) -> Value {
    let config = with_rules(Message::any(type_url::NETWORK_RBAC).with("statPrefix", &*rbac.stat_prefix), rbac);
    Message::new().with("name", NETWORK_FILTER).with("typedConfig", config).into()
}

fn with_rules(message: Message, rbac: &Rbac) -> Message {
    message
        .with_some("rules", rbac.rules.as_ref().map(rules))
        .with_some("shadowRules", rbac.shadow_rules.as_ref().map(rules))
        .with_text("shadowRulesStatPrefix", &rbac.shadow_rules_stat_prefix)
}

fn rules(rules: &Rules) -> Message {
    let action = match rules.effect {
        // The default.
        Effect::Allow => None,
        Effect::Deny => Some("DENY"),
        Effect::Log => Some("LOG"),
    };
    let policies: Map<String, Value> =
        rules.policies.iter().map(|policy| (policy.name.to_string(), self::policy(policy))).collect();
    Message::new().with_some("action", action).with_some("policies", (!policies.is_empty()).then_some(policies))
}

fn policy(policy: &Policy) -> Value {
    Message::new()
        .with_list("permissions", policy.permissions.iter().map(permission))
        .with_list("principals", policy.principals.iter().map(principal))
        .into()
}

fn permission(permission: &Permission) -> Value {
    let rules = |all: &[Permission]| json!({"rules": all.iter().map(self::permission).collect::<Value>()});
    match permission {
        Permission::Any => json!({"any": true}),
        // Envoy takes no empty sets.
        Permission::And(all) if all.is_empty() => json!({"any": true}),
        Permission::Or(all) if all.is_empty() => json!({"notRule": {"any": true}}),
        Permission::And(all) => json!({"andRules": rules(all)}),
        Permission::Or(all) => json!({"orRules": rules(all)}),
        Permission::Not(other) => json!({"notRule": self::permission(other)}),
        Permission::Header(header) => json!({"header": header_matcher(header)}),
        Permission::Host(host) => {
            json!({"header": {"name": AUTHORITY, "stringMatch": string_matcher_ignoring_case(host)}})
        }
        Permission::Path(PathMatch::Text(path)) => json!({"urlPath": {"path": string_matcher(path)}}),
        Permission::Path(PathMatch::Template(template)) => json!({"uriTemplate": {
            "name": URI_TEMPLATE,
            "typedConfig": {"@type": type_url::URI_TEMPLATE_MATCH, "pathTemplate": &**template.template()},
        }}),
        Permission::DestinationIp(range) => json!({"destinationIp": cidr_range(range)}),
        Permission::DestinationPort(ports) => destination_port(ports),
        // Envoy's inspector makes server names lower case, but not what they are compared with.
        Permission::ServerName(name) => json!({"requestedServerName": string_matcher_ignoring_case(name)}),
        Permission::Metadata(metadata) => json!({"metadata": metadata_matcher(metadata)}),
    }
}

/// A port, a range of ports, or conditions on them.
fn destination_port(ports: &PortMatch) -> Value {
    let rules = |all: &[PortMatch]| json!({"rules": all.iter().map(destination_port).collect::<Value>()});
    match ports {
        PortMatch::None => json!({"notRule": {"any": true}}),
        PortMatch::Any => json!({"any": true}),
        PortMatch::Range { start, end } if *end == start + 1 => json!({"destinationPort": start}),
        PortMatch::Range { start, end } => {
            let range = Message::new().with_number("start", *start).with_number("end", *end);
            Message::new().with("destinationPortRange", range).into()
        }
        PortMatch::And(all) if all.is_empty() => json!({"any": true}),
        PortMatch::Or(all) if all.is_empty() => json!({"notRule": {"any": true}}),
        PortMatch::Not(other) => json!({"notRule": destination_port(other)}),
        PortMatch::Or(all) => json!({"orRules": rules(all)}),
        PortMatch::And(all) => json!({"andRules": rules(all)}),
    }
}

fn principal(principal: &Principal) -> Value {
    let ids = |all: &[Principal]| json!({"ids": all.iter().map(self::principal).collect::<Value>()});
    match principal {
        Principal::Any => json!({"any": true}),
        Principal::And(all) if all.is_empty() => json!({"any": true}),
        Principal::Or(all) if all.is_empty() => json!({"notId": {"any": true}}),
        Principal::And(all) => json!({"andIds": ids(all)}),
        Principal::Or(all) => json!({"orIds": ids(all)}),
        Principal::Not(other) => json!({"notId": self::principal(other)}),
        Principal::Authenticated(name) => json!({"authenticated": {"principalName": string_matcher(name)}}),
        Principal::DirectRemoteIp(range) => json!({"directRemoteIp": cidr_range(range)}),
        Principal::RemoteIp(range) => json!({"remoteIp": cidr_range(range)}),
        Principal::Header(header) => json!({"header": header_matcher(header)}),
        Principal::Metadata(metadata) => json!({"metadata": metadata_matcher(metadata)}),
    }
}

fn cidr_range(range: &IpNet) -> Value {
    json!({"addressPrefix": range.addr().to_string(), "prefixLen": range.prefix_len()})
}

fn metadata_matcher(metadata: &MetadataMatch) -> Value {
    let path: Value = metadata.path.iter().map(|key| json!({"key": &**key})).collect();
    json!({"filter": &*metadata.filter, "path": path, "value": value_matcher(&metadata.value)})
}

fn value_matcher(value: &ValueMatch) -> Value {
    match value {
        ValueMatch::Text(text) => json!({"stringMatch": string_matcher(text)}),
        ValueMatch::OneOf(member) => json!({"listMatch": {"oneOf": value_matcher(member)}}),
        // Envoy takes no less than two.
        ValueMatch::Or(all) if all.len() == 1 => value_matcher(&all[0]),
        ValueMatch::Or(all) => json!({"orMatch": {"valueMatchers": all.iter().map(value_matcher).collect::<Value>()}}),
    }
}

/// The configuration of either filter. Whatever the model does not have is an error: more would be let through.
pub(crate) fn read(config: &Node<'_>) -> Result<Rbac, ReadError> {
    config.whole(|fields| {
        Ok(Rbac {
            rules: fields.some("rules", read_rules)?,
            shadow_rules: fields.some("shadowRules", read_rules)?,
            stat_prefix: fields.name("statPrefix")?,
            shadow_rules_stat_prefix: fields.name("shadowRulesStatPrefix")?,
        })
    })
}

fn read_rules(node: &Node<'_>) -> Result<Rules, ReadError> {
    const EFFECTS: [(&str, Effect); 3] = [("ALLOW", Effect::Allow), ("DENY", Effect::Deny), ("LOG", Effect::Log)];
    node.whole(|fields| {
        let effect = fields.choice("action", &EFFECTS, Effect::Allow)?;
        let policies = fields.some("policies", |policies| {
            policies.entries()?.into_iter().map(|(name, policy)| read_policy(name, &policy)).collect()
        })?;
        Ok(Rules::new(effect, policies.unwrap_or_default()))
    })
}

fn read_policy(name: &str, node: &Node<'_>) -> Result<Policy, ReadError> {
    node.whole(|fields| {
        Ok(Policy {
            name: name.into(),
            permissions: fields.each("permissions", read_permission)?,
            principals: fields.each("principals", read_principal)?,
        })
    })
}

fn read_permission(node: &Node<'_>) -> Result<Permission, ReadError> {
    let rules = |node: &Node<'_>| node.whole(|set| set.each("rules", read_permission));
    node.whole(|fields| {
        let (field, value) = only(fields, &PERMISSIONS)?;
        Ok(match field {
            "andRules" => Permission::And(rules(&value)?),
            "orRules" => Permission::Or(rules(&value)?),
            "notRule" => Permission::Not(Box::new(read_permission(&value)?)),
            "header" => match read_host(&value)? {
                Some(host) => Permission::Host(host),
                None => Permission::Header(read_header(&value)?),
            },
            "urlPath" => {
                value.whole(|path| Ok(Permission::Path(PathMatch::Text(string_matcher::read(&path.need("path")?)?))))?
            }
            "uriTemplate" => Permission::Path(PathMatch::Template(read_template(&value)?)),
            "destinationIp" => Permission::DestinationIp(read_range(&value)?),
            "destinationPort" => {
                let port = u32::from(value.u16()?);
                Permission::DestinationPort(PortMatch::Range { start: port, end: port + 1 })
            }
            "destinationPortRange" => value.whole(|range| {
                let end = |name| Ok(range.some(name, Node::u32)?.unwrap_or_default());
                Ok(Permission::DestinationPort(PortMatch::Range { start: end("start")?, end: end("end")? }))
            })?,
            "requestedServerName" => Permission::ServerName(string_matcher::read_ignoring_case(&value)?),
            "metadata" => Permission::Metadata(read_metadata(&value)?),
            _ => read_any(&value).map(|()| Permission::Any)?,
        })
    })
}

/// Fields of a permission; one of them is there.
const PERMISSIONS: [&str; 11] = [
    "andRules",
    "orRules",
    "notRule",
    "header",
    "urlPath",
    "uriTemplate",
    "destinationIp",
    "destinationPort",
    "destinationPortRange",
    "requestedServerName",
    "metadata",
];

/// Fields of a principal; one of them is there.
const PRINCIPALS: [&str; 8] =
    ["andIds", "orIds", "notId", "authenticated", "directRemoteIp", "remoteIp", "header", "metadata"];

/// The one field that is there, one of `names` or `any`.
fn only<'v>(fields: &Fields<'v>, names: &[&'static str]) -> Result<(&'static str, Node<'v>), ReadError> {
    let mut found = names.iter().chain(&["any"]).filter_map(|name| Some((*name, fields.get(name)?)));
    found.next().ok_or_else(|| fields.error(&format!("one of any, {}", names.join(", "))))
}

/// `any` is only ever true.
fn read_any(node: &Node<'_>) -> Result<(), ReadError> {
    if node.flag()? { Ok(()) } else { Err(node.error("true")) }
}

/// The condition on the Host of a request, if the header is that and its case does not count.
fn read_host(node: &Node<'_>) -> Result<Option<StringMatch>, ReadError> {
    let text = |pointer: &str| node.value().pointer(pointer);
    let ignores_case =
        text("/stringMatch/ignoreCase") == Some(&json!(true)) || text("/stringMatch/safeRegex").is_some();
    let is_plain = text("/invertMatch").is_none() && text("/treatMissingHeaderAsEmpty").is_none();
    if text("/name") != Some(&json!(AUTHORITY)) || !ignores_case || !is_plain {
        return Ok(None);
    }
    node.whole(|header| {
        header.need("name")?;
        string_matcher::read_ignoring_case(&header.need("stringMatch")?).map(Some)
    })
}

fn read_template(node: &Node<'_>) -> Result<PathTemplate, ReadError> {
    node.whole(|extension| {
        extension.need("name")?;
        extension.any("typedConfig", type_url::URI_TEMPLATE_MATCH)?.whole(|config| {
            let template = config.need("pathTemplate")?;
            PathTemplate::new(template.text()?).map_err(|error| template.error(&error.to_string()))
        })
    })
}

fn read_principal(node: &Node<'_>) -> Result<Principal, ReadError> {
    let ids = |node: &Node<'_>| node.whole(|set| set.each("ids", read_principal));
    node.whole(|fields| {
        let (field, value) = only(fields, &PRINCIPALS)?;
        Ok(match field {
            "andIds" => Principal::And(ids(&value)?),
            "orIds" => Principal::Or(ids(&value)?),
            "notId" => Principal::Not(Box::new(read_principal(&value)?)),
            "authenticated" => value.whole(|authenticated| {
                Ok(Principal::Authenticated(string_matcher::read(&authenticated.need("principalName")?)?))
            })?,
            "directRemoteIp" => Principal::DirectRemoteIp(read_range(&value)?),
            "remoteIp" => Principal::RemoteIp(read_range(&value)?),
            "header" => Principal::Header(read_header(&value)?),
            "metadata" => Principal::Metadata(read_metadata(&value)?),
            _ => read_any(&value).map(|()| Principal::Any)?,
        })
    })
}

/// `CidrRange`
pub(crate) fn read_range(node: &Node<'_>) -> Result<IpNet, ReadError> {
    node.whole(|range| {
        let address = range.need("addressPrefix")?;
        let ip: IpAddr = address.text()?.parse().map_err(|_| address.error("an IP address"))?;
        let length = range.some("prefixLen", Node::u32)?.unwrap_or_default();
        let net = u8::try_from(length).ok().and_then(|length| IpNet::new(ip, length).ok());
        net.ok_or_else(|| range.error("a prefixLen of at most 32, or 128 for IPv6"))
    })
}

fn read_metadata(node: &Node<'_>) -> Result<MetadataMatch, ReadError> {
    let segment = |node: &Node<'_>| node.whole(|segment| segment.need("key")?.name());
    node.whole(|metadata| {
        metadata.known("invert", &json!(false));
        let path: Vec<Name> = metadata.each("path", segment)?;
        Ok(MetadataMatch {
            filter: metadata.need("filter")?.name()?,
            path,
            value: read_value(&metadata.need("value")?)?,
        })
    })
}

fn read_value(node: &Node<'_>) -> Result<ValueMatch, ReadError> {
    node.whole(|value| {
        if let Some(text) = value.get("stringMatch") {
            return Ok(ValueMatch::Text(string_matcher::read(&text)?));
        }
        if let Some(list) = value.get("listMatch") {
            let member = list.whole(|list| read_value(&list.need("oneOf")?))?;
            return Ok(ValueMatch::OneOf(Box::new(member)));
        }
        match value.get("orMatch") {
            Some(any) => Ok(ValueMatch::Or(any.whole(|any| any.each("valueMatchers", read_value))?)),
            None => Err(value.error("stringMatch, listMatch with oneOf, or orMatch")),
        }
    })
}
