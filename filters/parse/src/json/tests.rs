use proptest::prelude::*;
use serde_json::Value as Json;
use sluice_testkit::{golden, records};

use super::*;

/// What the parser makes of a text, as a value of serde_json.
fn ours(text: &[u8]) -> Option<Json> {
    let mut batch = records([text]);
    let mut result = Err(Invalid);
    batch.parse().for_each(|_, mut line| result = parse(&mut line, &mut String::new()));
    let fields = golden::fields(&batch, &batch.records()[0]);
    assert_eq!(fields.is_some(), result.is_ok());
    fields
}

fn theirs(text: &[u8]) -> Option<Json> {
    serde_json::from_slice(text).ok()
}

/// Equality up to the last bit of fractions, which serde_json does not promise.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || (a - b).abs() <= a.abs() * 4.0 * f64::EPSILON
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        _ => a == b,
    }
}

fn agree(text: &[u8]) -> bool {
    match (ours(text), theirs(text)) {
        (Some(ours), Some(theirs)) => same(&ours, &theirs),
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn agrees_with_serde_json_on_the_corners_of_the_grammar() {
    let texts: &[&str] = &[
        "",
        " ",
        "null",
        " true ",
        "fals",
        "nul",
        "nullx",
        "\u{feff}1",
        "{}",
        "{ }",
        "[]",
        "[ ]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" : [ { } , 1 ] }",
        "0",
        "-0",
        "00",
        "01",
        "-",
        "-01",
        "+1",
        "1.",
        ".5",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "1e",
        "1e+",
        "0e0",
        "0.0",
        "-0.0",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1e400",
        "-1e400",
        "1e-400",
        "1e99999999999",
        "NaN",
        "Infinity",
        "0x10",
        "1_000",
        "--1",
        r#""""#,
        r#"""#,
        r#""a"#,
        r#""\""#,
        r#""\"""#,
        r#""\/\b\f\n\r\t\\""#,
        r#""\x""#,
        r#""\u00e9""#,
        r#""\u12""#,
        r#""\uD83D\uDE00""#,
        r#""\uD83D""#,
        r#""\uDE00""#,
        r#""\uD83Dx""#,
        r#""\uD83D\u0041""#,
        r#""\uD83D\n""#,
        r#""\u0000""#,
        r#""\u+123""#,
        "\"\t\"",
        "\"\u{7f}\"",
        "\"\u{1f}\"",
        "\"é😀\"",
        r#"{"a\nb": 1, "a\tb": 2}"#,
        r#"{"a": 1, "b": 2, "a": 3}"#,
        r#"{"": 1}"#,
        "[1]]",
        "[[1]",
        "'a'",
        "// x\n1",
        "1 1",
        "\"a\" \"b\"",
        r#""longer than eight bytes, then an escape\n and more than eight bytes after it""#,
    ];
    for text in texts {
        assert!(
            agree(text.as_bytes()),
            "{text:?}: {:?} and {:?}",
            ours(text.as_bytes()),
            theirs(text.as_bytes())
        );
    }
    for text in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\xff", b"{\"\xc0\x80\": 1}"] {
        assert!(agree(text), "{text:02x?}");
    }
}

#[test]
fn stops_at_the_same_depth() {
    for depth in [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 10_000] {
        let arrays = [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(agree(&arrays), "{depth}");
        let objects = ["{\"a\":".repeat(depth), "1".into(), "}".repeat(depth)].concat();
        assert!(agree(objects.as_bytes()), "{depth}");
    }
    assert!(ours(&[vec![b'['; MAX_DEPTH], vec![b']'; MAX_DEPTH]].concat()).is_some());
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1e6..1e6f64).prop_map(Json::from),
        proptest::num::f64::NORMAL.prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|pairs| pairs.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_serde_json_writes(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let read = ours(&text);
        prop_assert!(read.as_ref().is_some_and(|read| same(read, &value)), "{:?} from {:?}", read, value);
    }

    #[test]
    fn accepts_and_refuses_what_serde_json_does(
        value in json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        const LIKELY: &[u8] = b"\"\\{}[]:,.-+eEu0 1\n\t/tfn\x00\x1f\x80";
        for (place, byte, kind) in changes {
            let at = place.index(text.len().max(1)).min(text.len());
            let likely = LIKELY[usize::from(byte) % LIKELY.len()];
            match kind {
                0 => text.truncate(at),
                1 if at < text.len() => text[at] = likely,
                2 => text.insert(at, likely),
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        prop_assert!(agree(&text), "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn survives_any_bytes(text in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(agree(&text));
    }
}
