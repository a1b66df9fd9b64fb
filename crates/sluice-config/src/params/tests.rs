use serde_json::json;

use super::*;

#[test]
fn kinds_follow_from_values() {
    for (value, kind) in [
        (json!("a"), ParamKind::String),
        (json!(null), ParamKind::String),
        (json!(1), ParamKind::Integer),
        (json!(1.0), ParamKind::Number),
        (json!(true), ParamKind::Boolean),
        (json!([1]), ParamKind::List),
        (json!({"a": 1}), ParamKind::Map),
    ] {
        assert_eq!(ParamKind::of(&value), kind);
        assert!(kind.takes(&value));
    }
    assert!(ParamKind::Number.takes(&json!(1)));
    assert!(!ParamKind::Integer.takes(&json!(1.5)));
    assert!(!ParamKind::String.takes(&json!(1)));
}

#[test]
fn text_from_the_command_line_becomes_a_value() {
    use ParamKind::*;
    assert_eq!(String.read("5", None), Some(json!("5")));
    assert_eq!(Integer.read("-5", None), Some(json!(-5)));
    assert_eq!(Integer.read("18446744073709551615", None), Some(json!(u64::MAX)));
    assert_eq!(Integer.read("5.0", None), None);
    assert_eq!(Number.read("2.5", None), Some(json!(2.5)));
    assert_eq!(Number.read("inf", None), None);
    assert_eq!(Boolean.read("true", None), Some(json!(true)));
    assert_eq!(Boolean.read("1", None), None);
    assert_eq!(List.read("a, b,c", None), Some(json!(["a", "b", "c"])));
    assert_eq!(List.read("", None), Some(json!([])));
    assert_eq!(List.read("1,2", Some(&json!([7]))), Some(json!([1, 2])));
    assert_eq!(List.read("1,x", Some(&json!([7]))), None);
    assert_eq!(Map.read("a=b,c=d=e", None), Some(json!({"a": "b", "c": "d=e"})));
    assert_eq!(Map.read("80=8080", Some(&json!({"1": 2}))), Some(json!({"80": 8080})));
    assert_eq!(Map.read("a", None), None);
}

#[test]
fn names() {
    assert!(["a", "_x", "in-file", "A9"].into_iter().all(is_name));
    assert!(!["", "9a", "a.b", "a b", "é", "-a"].into_iter().any(is_name));
}
