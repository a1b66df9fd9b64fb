//! Computing with values.

use super::ast::{Operator, Slice};
use crate::{Type, Value};

/// The type of the result, if these can be combined.
pub(super) fn kind(operator: Operator, left: Type, right: Type) -> Option<Type> {
    use Type::{Any, Duration, Float, Int, Time};
    let both = |kind| left == kind && right == kind;
    let numbers = left.is_number() && right.is_number();
    match operator {
        Operator::BitAnd | Operator::Remainder => {
            let whole = |kind| matches!(kind, Int | Any);
            (whole(left) && whole(right)).then_some(Int)
        }
        _ if both(Int) => Some(Int),
        _ if left == Any && right == Any => Some(Any),
        Operator::Add | Operator::Subtract if both(Duration) => Some(Duration),
        Operator::Subtract if both(Time) => Some(Duration),
        Operator::Add | Operator::Subtract if left == Time && right == Duration => Some(Time),
        Operator::Add if left == Duration && right == Time => Some(Time),
        Operator::Divide if both(Duration) => Some(Float),
        Operator::Multiply | Operator::Divide if left == Duration && right.is_number() => Some(Duration),
        Operator::Multiply if left.is_number() && right == Duration => Some(Duration),
        _ if left == Any || right == Any => Some(Any),
        _ => numbers.then_some(Float),
    }
}

/// The result; nothing where it does not fit or the two cannot be combined.
pub(super) fn combine(operator: Operator, left: Value<'_>, right: Value<'_>) -> Option<Value<'static>> {
    use Value::{Duration, Int, Time};
    match (operator, left, right) {
        (Operator::BitAnd, Int(a), Int(b)) => Some(Int(a & b)),
        (Operator::Add, Int(a), Int(b)) => a.checked_add(b).map(Int),
        (Operator::Subtract, Int(a), Int(b)) => a.checked_sub(b).map(Int),
        (Operator::Multiply, Int(a), Int(b)) => a.checked_mul(b).map(Int),
        (Operator::Divide, Int(a), Int(b)) => a.checked_div(b).map(Int),
        (Operator::Remainder, Int(a), Int(b)) => a.checked_rem(b).map(Int),
        (Operator::Add, Duration(a), Duration(b)) => a.checked_add(b).map(Duration),
        (Operator::Subtract, Duration(a), Duration(b)) => a.checked_sub(b).map(Duration),
        (Operator::Add, Time(a), Duration(b)) | (Operator::Add, Duration(a), Time(b)) => {
            a.checked_add(b).map(Time)
        }
        (Operator::Subtract, Time(a), Duration(b)) => a.checked_sub(b).map(Time),
        (Operator::Subtract, Time(a), Time(b)) => a.checked_sub(b).map(Duration),
        (Operator::Divide, Duration(a), Duration(b)) => finite(a as f64 / b as f64),
        (Operator::Multiply, Duration(a), b) | (Operator::Multiply, b, Duration(a)) => {
            span(a as f64 * b.number()?)
        }
        (Operator::Divide, Duration(a), b) => span(a as f64 / b.number()?),
        (operator, a, b) => {
            let (a, b) = (a.number()?, b.number()?);
            finite(match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                Operator::BitAnd | Operator::Remainder => return None,
            })
        }
    }
}

fn finite(number: f64) -> Option<Value<'static>> {
    number.is_finite().then_some(Value::Float(number))
}

/// A number of ns as a duration.
pub(super) fn span(ns: f64) -> Option<Value<'static>> {
    (ns.abs() < i64::MAX as f64).then_some(Value::Duration(ns.round() as i64))
}

pub(super) fn negative(value: Value<'_>) -> Option<Value<'static>> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int),
        Value::Float(number) => Some(Value::Float(-number)),
        Value::Duration(ns) => ns.checked_neg().map(Value::Duration),
        _ => None,
    }
}

/// The bytes that a slice is taken of, in `buffer` where the value has none of its own.
pub(super) fn bytes<'b>(value: &Value<'b>, buffer: &'b mut [u8; 16]) -> Option<&'b [u8]> {
    let mut fill = |bytes: &[u8]| {
        buffer.iter_mut().zip(bytes).for_each(|(room, byte)| *room = *byte);
        bytes.len()
    };
    let length = match value {
        Value::Mac(mac) => fill(&mac.0),
        Value::Ip(std::net::IpAddr::V4(address)) => fill(&address.octets()),
        Value::Ip(std::net::IpAddr::V6(address)) => fill(&address.octets()),
        value => return value.bytes(),
    };
    buffer.get(..length)
}

/// The part that is asked for; nothing where there are too few bytes.
pub(super) fn part(bytes: &[u8], slice: Slice) -> Option<&[u8]> {
    let distance = slice.start.unsigned_abs() as usize;
    let start = if slice.start < 0 { bytes.len().checked_sub(distance)? } else { distance };
    let rest = bytes.get(start..)?;
    match slice.length {
        Some(length) => rest.get(..length as usize),
        None => (!rest.is_empty()).then_some(rest),
    }
}
