//! What becomes of a question: an answer of our own, or the name servers'.

use hickory_resolver::proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use meridian_ir::name_table::{self, Names, SearchDomain};
use std::net::IpAddr;

/// How long answers are good for, in seconds (Istio: 30).
const TTL: u32 = 30;
/// The most that an answer over UDP may hold for a client that does not say how much it takes (RFC 1035 section 4.2.1).
const UDP_LIMIT: u16 = 512;
/// The most that is sent over UDP at all, whatever clients say (as unbound and BIND: no fragments).
const UDP_MOST: u16 = 1232;

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// This is the answer.
    Own(Vec<u8>),
    /// The name is not ours: the name servers are asked.
    Forward,
    /// The bytes are no question; nothing is answered.
    None,
}

/// Decides about one question; `is_udp` bounds the answer's size.
pub fn reply(question: &[u8], names: &Names, search: Option<&SearchDomain>, is_udp: bool) -> Reply {
    let Ok(message) = Message::from_vec(question) else { return Reply::None };
    if message.metadata.message_type != MessageType::Query {
        return Reply::None;
    }
    // Anything but one ordinary question is for the name servers to judge.
    let [query] = &message.queries[..] else { return Reply::Forward };
    if message.metadata.op_code != OpCode::Query || query.query_class != DNSClass::IN {
        return Reply::Forward;
    }
    let text = query.name.to_ascii();
    let Some(found) = name_table::find(names, &text, search) else { return Reply::Forward };
    let mut answer = Message::response(message.metadata.id, OpCode::Query);
    answer.metadata.recursion_desired = message.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.authoritative = true;
    answer.metadata.response_code = ResponseCode::NoError;
    answer.add_query(query.clone());
    let mut owner = query.name.clone();
    if let Some(target) = found.alias_of.and_then(absolute) {
        answer.add_answer(Record::from_rdata(owner, TTL, RData::CNAME(CNAME(target.clone()))));
        owner = target;
    }
    let wanted = found.info.addresses.iter().filter_map(|address| record(*address, query.query_type));
    let mut records: Vec<RData> = wanted.collect();
    // Clients that take the first address divide among all of them.
    fastrand::shuffle(&mut records);
    answer.add_answers(records.into_iter().map(|data| Record::from_rdata(owner.clone(), TTL, data)));
    let mut limit = UDP_LIMIT;
    if let Some(edns) = &message.edns {
        limit = edns.max_payload().clamp(UDP_LIMIT, UDP_MOST);
        let mut own = Edns::new();
        own.set_max_payload(UDP_MOST).set_version(0);
        answer.set_edns(own);
    }
    match answer.to_vec() {
        Ok(bytes) if !is_udp || bytes.len() <= usize::from(limit) => Reply::Own(bytes),
        // The client asks again over TCP.
        Ok(_) => answer.truncate().to_vec().map_or(Reply::None, Reply::Own),
        Err(_) => Reply::None,
    }
}

fn absolute(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn record(address: IpAddr, wanted: RecordType) -> Option<RData> {
    match (address, wanted) {
        (IpAddr::V4(address), RecordType::A) => Some(RData::A(A(address))),
        (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA(AAAA(address))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::Query;
    use meridian_ir::name_table::NameInfo;
    use std::sync::Arc;

    fn names() -> Names {
        let info = |addresses: &[&str]| {
            Arc::new(NameInfo { addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(), is_service: true })
        };
        let many: Vec<String> = (0..200).map(|last| format!("10.1.0.{last}")).collect();
        Names::from([
            ("web.default.svc.cluster.local".into(), info(&["10.0.0.1", "10.0.0.2", "2001:db8::1"])),
            ("many.default.svc.cluster.local".into(), info(&many.iter().map(String::as_str).collect::<Vec<_>>())),
            ("api.example.com".into(), info(&["240.240.0.1"])),
        ])
    }

    fn question(name: &str, record_type: RecordType) -> Message {
        let mut message = Message::query();
        message.metadata.id = 4711;
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
        message
    }

    fn ask(message: &Message, is_udp: bool) -> Option<Message> {
        let search = SearchDomain::parse("default.svc.cluster.local");
        match reply(&message.to_vec().unwrap(), &names(), search.as_ref(), is_udp) {
            Reply::Own(bytes) => Some(Message::from_vec(&bytes).unwrap()),
            Reply::Forward | Reply::None => None,
        }
    }

    #[test]
    fn own_names_have_the_addresses_of_the_family_asked_for() {
        for (name, record_type, expected) in [
            ("web.default.svc.cluster.local.", RecordType::A, vec!["10.0.0.1", "10.0.0.2"]),
            ("web.", RecordType::AAAA, vec!["2001:db8::1"]),
            ("WEB.default.", RecordType::A, vec!["10.0.0.1", "10.0.0.2"]),
            // Nothing of that kind, and yet no question for others.
            ("api.example.com.", RecordType::AAAA, vec![]),
            ("api.example.com.", RecordType::MX, vec![]),
        ] {
            let answer = ask(&question(name, record_type), true).expect(name);
            assert_eq!((answer.metadata.id, answer.metadata.response_code), (4711, ResponseCode::NoError));
            let mut got: Vec<String> = answer.answers.iter().map(|record| record.data.to_string()).collect();
            got.sort();
            assert_eq!(got, expected, "{name}");
        }
        assert_eq!(ask(&question("www.elsewhere.org.", RecordType::A), true), None);
    }

    #[test]
    fn a_search_domain_behind_a_name_leads_to_an_alias() {
        let answer = ask(&question("api.example.com.default.svc.cluster.local.", RecordType::A), true).unwrap();
        let got: Vec<String> = answer.answers.iter().map(ToString::to_string).collect();
        assert_eq!(got.len(), 2, "{got:?}");
        assert!(got[0].contains("CNAME api.example.com."), "{got:?}");
        assert!(got[1].starts_with("api.example.com.") && got[1].ends_with("240.240.0.1"), "{got:?}");
    }

    #[test]
    fn what_is_too_large_for_udp_is_truncated() {
        let plain = question("many.", RecordType::A);
        assert!(ask(&plain, true).unwrap().metadata.truncation);
        let whole = ask(&plain, false).unwrap();
        assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 200));
        let mut extended = question("web.", RecordType::A);
        extended.set_edns(Edns::new());
        assert!(ask(&extended, true).unwrap().edns.is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
            reply(&bytes, &names(), None, true);
        }
    }
}
