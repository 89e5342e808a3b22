use super::*;
use crate::access_log::line::tests::{Headers, http};
use crate::record::HeaderView;
use meridian_ir::access_log::JsonFormat;
use proptest::prelude::*;

fn string(format: &str) -> JsonFormat {
    JsonFormat::String(Format::parse(format).unwrap())
}

fn object(members: Vec<(&str, JsonFormat)>) -> JsonFormat {
    JsonFormat::Object(members.into_iter().map(|(name, member)| (name.into(), member)).collect())
}

fn print(format: &JsonFormat, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    JsonLine::new(format).write(record, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values_keep_their_types_as_in_envoy() {
    let cluster = "c".into();
    let mut record = http(&cluster);
    let request = Headers(&[("x-a", "q\"\\\tz ä"), (":path", "/p")]);
    record.request = &request;
    let format = object(vec![
        ("code", string("%RESPONSE_CODE%")),
        ("flags", string("%RESPONSE_FLAGS%")),
        ("time", string("%RESP(x-envoy-upstream-service-time)%")),
        ("none", string("%REQ(none)%")),
        ("a", string("%REQ(x-a)%")),
        ("mix \"", string("m %REQ(x-a)% %REQ(none)% \"q\" %RESPONSE_CODE% 100%%")),
        (
            "nested",
            object(vec![(
                "list",
                JsonFormat::Array(vec![string("%PROTOCOL%"), string("lit"), string("%BYTES_SENT%")]),
            )]),
        ),
        ("n", JsonFormat::Number("5".into())),
        ("t", JsonFormat::Bool(true)),
        ("null", JsonFormat::Null),
        ("empty", string("")),
        ("unset", string("%TRACE_ID%")),
        ("retransmitted", string("%BYTES_RETRANSMITTED%")),
        ("port", string("%UPSTREAM_REMOTE_PORT%")),
        ("sni", string("%REQUESTED_SERVER_NAME%")),
    ]);
    assert_eq!(
        print(&format, &record),
        "{\"code\":200,\"flags\":\"-\",\"time\":\"706\",\"none\":null,\"a\":\"q\\\"\\\\\\tz ä\",\
         \"mix \\\"\":\"m q\\\"\\\\\\tz ä - \\\"q\\\" 200 100%\",\
         \"nested\":{\"list\":[\"HTTP/1.1\",\"lit\",980]},\"n\":5,\"t\":true,\"null\":null,\"empty\":\"\",\
         \"unset\":null,\"retransmitted\":0,\"port\":80,\"sni\":null}\n"
    );
}

/// As Envoy 1.40 logged this header value.
#[test]
fn text_that_is_not_utf8_is_escaped_byte_by_byte() {
    let text = b"q\"\\\tz\xff \xc3\xa4</";
    assert_eq!(escaped(text), br"q\u0022\u005c\u0009z\u00ff \u00c3\u00a4</");
}

struct One(Vec<u8>);

impl HeaderView for One {
    fn first(&self, _name: &str) -> Option<&[u8]> {
        Some(&self.0)
    }
}

proptest! {
    #[test]
    fn every_line_is_json_and_text_comes_back(value in any::<Vec<u8>>()) {
        let cluster = "c".into();
        let request = One(value);
        let mut record = http(&cluster);
        record.request = &request;
        let format = object(vec![("alone", string("%REQ(a)%")), ("within", string("<%REQ(a)%>"))]);
        let line = print(&format, &record);
        let parsed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        prop_assert_eq!(line.matches('\n').count(), 1);
        if let Ok(text) = std::str::from_utf8(&request.0) {
            prop_assert_eq!(&parsed["alone"], text);
            prop_assert_eq!(&parsed["within"], &format!("<{text}>"));
        }
    }
}
