use super::*;

/// Data, trailer section and what is left of the input, or why it is refused.
fn read(framing: Framing, input: &str) -> Result<(String, String, &str), BodyError> {
    let mut decoder = BodyDecoder::new(framing, &HeadLimits::default());
    let (mut data, mut trailers, mut at) = (String::new(), String::new(), 0);
    loop {
        let step = decoder.decode(&input.as_bytes()[at..])?;
        let text = |range: Range<usize>| &input[at + range.start..at + range.end];
        match step.event {
            BodyEvent::Data(range) => data.push_str(text(range)),
            BodyEvent::Trailers(range) => trailers.push_str(text(range)),
            BodyEvent::End => {
                assert!(decoder.is_done());
                return Ok((data, trailers, &input[at + step.consumed..]));
            }
            BodyEvent::NeedMore => {
                decoder.finish()?;
                return Ok((data, trailers, ""));
            }
        }
        at += step.consumed;
    }
}

fn chunks(input: &str) -> Result<(String, String, &str), BodyError> {
    read(Framing::Chunked, input)
}

#[test]
fn each_framing_has_its_end() {
    assert_eq!(read(Framing::None, "next"), Ok((String::new(), String::new(), "next")));
    assert_eq!(read(Framing::Length(0), "next"), Ok((String::new(), String::new(), "next")));
    assert_eq!(read(Framing::Length(5), "hellonext"), Ok(("hello".into(), String::new(), "next")));
    assert_eq!(read(Framing::UntilClose, "hello"), Ok(("hello".into(), String::new(), "")));
    assert_eq!(read(Framing::Length(5), "hell"), Err(BodyError::Truncated));
    assert_eq!(chunks("5\r\nhello\r\n0\r\n\r\nnext"), Ok(("hello".into(), String::new(), "next")));
    for short in ["", "5", "5\r\nhel", "5\r\nhello\r\n", "0\r\n", "0\r\nA: b\r\n", "0\r\n\r"] {
        assert_eq!(chunks(short), Err(BodyError::Truncated), "{short:?}");
    }
}

#[test]
fn the_rest_is_known_where_the_framing_tells() {
    let mut decoder = BodyDecoder::new(Framing::Length(5), &HeadLimits::default());
    assert_eq!(decoder.decode(b"he"), Ok(Decoded { consumed: 2, event: BodyEvent::Data(0..2) }));
    assert_eq!((decoder.remaining(), decoder.is_done()), (Some(3), false));
    assert_eq!(decoder.decode(b"llo!"), Ok(Decoded { consumed: 3, event: BodyEvent::Data(0..3) }));
    assert_eq!((decoder.remaining(), decoder.is_done()), (Some(0), true));
    let mut decoder = BodyDecoder::new(Framing::Chunked, &HeadLimits::default());
    assert_eq!(decoder.decode(b"1f\r\nab"), Ok(Decoded { consumed: 6, event: BodyEvent::Data(4..6) }));
    assert_eq!(decoder.remaining(), Some(29));
    assert_eq!(BodyDecoder::new(Framing::UntilClose, &HeadLimits::default()).remaining(), None);
}

#[test]
fn spellings_of_chunks() {
    for (input, data) in [
        ("0\r\n\r\n", ""),
        ("000\r\n\r\n", ""),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"),
        ("5 \r\nhello\r\n0\r\n\r\n", "hello"),
        ("5;\r\nhello\r\n0;b\r\n\r\n", "hello"),
        ("5 ; a = b;c=\"d;\\\"e\"\r\nhello\r\n0\r\n\r\n", "hello"),
    ] {
        assert_eq!(chunks(input), Ok((data.into(), String::new(), "")), "{input:?}");
    }
}

#[test]
fn refuses_chunks_that_two_readers_could_part_over() {
    for (input, error) in [
        ("\r\nhello", BodyError::InvalidChunkSize),
        (" 5\r\nhello", BodyError::InvalidChunkSize),
        ("+5\r\nhello", BodyError::InvalidChunkSize),
        ("0x5\r\nhello", BodyError::InvalidChunkSize),
        ("5h\r\nhello", BodyError::InvalidChunkSize),
        ("5,\r\nhello", BodyError::InvalidChunkSize),
        ("00000000000000005\r\nhello", BodyError::InvalidChunkSize),
        ("10000000000000005\r\nhello", BodyError::InvalidChunkSize),
        ("8000000000000000\r\nhello", BodyError::InvalidChunkSize),
        ("ffffffffffffffff\r\nhello", BodyError::InvalidChunkSize),
        ("5\nhello", BodyError::InvalidLineEnd),
        ("5\r\r\nhello", BodyError::InvalidLineEnd),
        ("5\r\nhello!\r\n", BodyError::InvalidLineEnd),
        ("5\r\nhello\n", BodyError::InvalidLineEnd),
        ("5\r\nhello0\r\n", BodyError::InvalidLineEnd),
        ("0\r\n\n", BodyError::InvalidLineEnd),
        ("0\r\n\r0", BodyError::InvalidLineEnd),
        ("5;a\nhello", BodyError::InvalidLineEnd),
        ("5;a\rb\r\nhello", BodyError::InvalidLineEnd),
        ("5;a\0\r\nhello", BodyError::InvalidChunkExtension),
        ("5;a=\"x\r\nhello", BodyError::InvalidChunkExtension),
        ("5;a=(\r\nhello", BodyError::InvalidChunkExtension),
        ("0\r\nnone\r\n\r\n", BodyError::InvalidTrailer),
        ("0\r\n: v\r\n\r\n", BodyError::InvalidTrailer),
        ("0\r\nA : v\r\n\r\n", BodyError::InvalidTrailer),
        ("0\r\nA: v\r\n w\r\n\r\n", BodyError::InvalidTrailer),
        ("0\r\nA: v\0\r\n\r\n", BodyError::InvalidTrailer),
        ("0\r\nA: v\n\r\n", BodyError::InvalidLineEnd),
        ("0\r\nA: v\rB\r\n\r\n", BodyError::InvalidLineEnd),
    ] {
        assert_eq!(chunks(input), Err(error), "{input:?}");
        assert_eq!(error.status(), Some(400));
    }
    assert_eq!(chunks("7fffffffffffffff\r\nhello"), Err(BodyError::Truncated));
}

#[test]
fn extensions_and_trailers_have_limits() {
    let long = |len: u16| format!("1;{}\r\nx\r\n", "a".repeat(usize::from(len) - 1));
    assert!(chunks(&format!("{}0\r\n\r\n", long(MAX_CHUNK_EXTENSION))).is_ok());
    assert_eq!(chunks(&long(MAX_CHUNK_EXTENSION + 1)), Err(BodyError::ChunkExtensionTooLarge));
    // Four kilobytes with every byte of data are too much in the long run; a few are not.
    assert!(chunks(&format!("{}0\r\n\r\n", long(MAX_CHUNK_EXTENSION).repeat(4))).is_ok());
    assert_eq!(chunks(&long(MAX_CHUNK_EXTENSION).repeat(5)), Err(BodyError::ChunkExtensionTooLarge));
    assert!(chunks(&format!("{}0\r\n\r\n", "1;a=b\r\nx\r\n".repeat(10_000))).is_ok());

    let limits = HeadLimits::default();
    assert!(chunks(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(limits.max_fields))).is_ok());
    let fields = chunks(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(limits.max_fields + 1))).unwrap_err();
    let bytes = chunks(&format!("0\r\na: {}\r\n\r\n", "b".repeat(limits.max_bytes))).unwrap_err();
    assert_eq!((fields, bytes), (BodyError::TrailersTooLarge, BodyError::TrailersTooLarge));
    assert_eq!(bytes.status(), Some(431));
}

#[test]
fn trailers_are_given_to_who_wants_them() {
    let (_, section, rest) =
        chunks("0\r\nGrpc-Status: 0\r\nContent-Length: 9\r\nHost: evil\r\nX-T:v\r\n\r\nGET").unwrap();
    assert_eq!(rest, "GET");
    let mut section = section.into_bytes();
    let mut trailers = Trailers::default();
    trailers.parse(&mut section).unwrap();
    let mut out = Vec::new();
    trailers.fields().write_forwarded(&section, &mut out);
    assert_eq!(out, b"grpc-status: 0\r\nx-t: v\r\n");
}

#[test]
fn chunks_are_made() {
    for (len, head) in
        [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (8192, "2000\r\n"), (usize::MAX, "ffffffffffffffff\r\n")]
    {
        assert_eq!(ChunkHead::new(len).as_bytes(), head.as_bytes());
    }
    let mut out = Vec::new();
    push_chunk(&mut out, b"hello");
    push_chunk(&mut out, b"");
    out.extend_from_slice(LAST_CHUNK);
    assert_eq!(out, b"5\r\nhello\r\n0\r\n\r\n");
}
