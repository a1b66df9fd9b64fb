use super::*;
use crate::sinks::ipfix::tests::record;

/// The bytes of a value in hexadecimal digits; nothing where it is none of the type.
fn encoded(kind: Type, json: serde_json::Value) -> Option<String> {
    let batch = record(&[("x", json)]);
    let value = batch.fields(&batch.records()[0]).unwrap()[1].value;
    let mut out = Vec::new();
    encode(&mut out, kind, value, &batch)?;
    Some(out.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn values_are_as_the_rules_say() {
    let long = "a".repeat(255);
    for (kind, json, bytes) in [
        (Type::Unsigned8, serde_json::Value::from(255), "ff"),
        (Type::Unsigned16, "80".into(), "0050"),
        (Type::Counter, u64::MAX.into(), "ffffffffffffffff"),
        (Type::Unsigned32, 3.0.into(), "00000003"),
        (Type::Float64, 0.5.into(), "3fe0000000000000"),
        (Type::Boolean, true.into(), "01"),
        (Type::Boolean, false.into(), "02"),
        (Type::Mac, "02:00:00:00:00:0a".into(), "02000000000a"),
        (Type::Ipv4, "192.0.2.1".into(), "c0000201"),
        (Type::Ipv6, "2001:db8::1".into(), "20010db8000000000000000000000001"),
        (Type::Seconds, "1970-01-01T00:00:01.9Z".into(), "00000001"),
        (Type::Seconds, 7.into(), "00000007"),
        (Type::Milliseconds, "1970-01-01T00:00:01.5Z".into(), "00000000000005dc"),
        (Type::Nanoseconds, "1970-01-01T00:00:00.5Z".into(), "83aa7e8080000000"),
        // The first second of the next era.
        (Type::Nanoseconds, "2036-02-07T06:28:16Z".into(), "0000000000000000"),
        (Type::Microseconds, "1970-01-01T00:00:00.000001Z".into(), "83aa7e8000001800"),
        (Type::Text, "héé".into(), "0568c3a9c3a9"),
        (Type::Text, "".into(), "00"),
        (Type::Text, long.as_str().into(), &format!("ff00ff{}", "61".repeat(255))),
        (Type::Octets, "0aFF".into(), "020aff"),
    ] {
        assert_eq!(encoded(kind, json.clone()).as_deref(), Some(bytes), "{kind:?} {json}");
    }
}

#[test]
fn what_is_no_value_of_the_type_is_none() {
    for (kind, json) in [
        (Type::Unsigned8, serde_json::Value::from(256)),
        (Type::Unsigned16, (-1).into()),
        (Type::Unsigned32, 1.5.into()),
        (Type::Unsigned64, true.into()),
        (Type::Boolean, 1.into()),
        (Type::Mac, "02:00".into()),
        (Type::Ipv4, "::1".into()),
        (Type::Ipv6, "10.0.0.1".into()),
        (Type::Ipv4, 5.into()),
        (Type::Seconds, "1969-12-31T23:59:59Z".into()),
        (Type::Seconds, "2107-01-01T00:00:00Z".into()),
        (Type::Milliseconds, "yesterday".into()),
        (Type::Nanoseconds, "1950-01-01T00:00:00Z".into()),
        (Type::Text, 5.into()),
        (Type::Octets, "abc".into()),
        (Type::Octets, "zz".into()),
        (Type::Text, "a".repeat(70_000).into()),
    ] {
        assert_eq!(encoded(kind, json.clone()), None, "{kind:?} {json}");
    }
}

#[test]
fn a_time_comes_back_from_its_fraction() {
    for nanoseconds in (0..1_000_000_000).step_by(9_999_991).chain([1, 999_999_999]) {
        let fraction = ntp(nanoseconds, 0).unwrap() & 0xFFFF_FFFF;
        assert_eq!(i128::from(((u128::from(fraction) * 1_000_000_000) >> 32) as u64), nanoseconds);
    }
}
