//! The functions of expressions.

use std::io::Write;
use std::net::IpAddr;

use super::arithmetic::span;
use crate::{Type, Value, time};

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Anything,
    Bytes,
    Number,
    /// An IP or MAC address.
    Address,
}

/// What a function gives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gives {
    /// This.
    A(Type),
    /// The type of the first argument.
    First,
}

/// How a function is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// From one value of each argument.
    Value(for<'v> fn(&[Value<'v>]) -> Option<Value<'v>>),
    /// The same, into a buffer.
    Text(fn(&[Value<'_>], &mut Vec<u8>) -> Option<()>),
    /// Whether the argument is of a class.
    Class(fn(&Value<'_>) -> Option<bool>),
    /// How many values the argument has.
    Count,
    /// The values of the first argument that has any.
    Default,
}

/// A function of expressions.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What stands between the parentheses.
    pub arguments: &'static str,
    /// What it gives: one phrase.
    pub about: &'static str,
    pub(crate) takes: Takes,
    /// The least and the greatest number of arguments.
    pub(crate) count: (usize, usize),
    pub(crate) gives: Gives,
    pub(crate) how: How,
}

/// How many arguments a function has at most.
pub(crate) const MOST: usize = 4;

const fn function(
    (name, arguments): (&'static str, &'static str),
    takes: Takes,
    count: (usize, usize),
    gives: Gives,
    how: How,
    about: &'static str,
) -> Function {
    Function { name, arguments, about, takes, count, gives, how }
}

/// One of a single argument.
const fn of(
    name: (&'static str, &'static str),
    takes: Takes,
    gives: Type,
    how: for<'v> fn(&[Value<'v>]) -> Option<Value<'v>>,
    about: &'static str,
) -> Function {
    function(name, takes, (1, 1), Gives::A(gives), How::Value(how), about)
}

const fn text(
    name: (&'static str, &'static str),
    takes: Takes,
    how: fn(&[Value<'_>], &mut Vec<u8>) -> Option<()>,
    about: &'static str,
) -> Function {
    function(name, takes, (1, 1), Gives::A(Type::Text), How::Text(how), about)
}

const fn class(name: &'static str, how: fn(&Value<'_>) -> Option<bool>, about: &'static str) -> Function {
    function((name, "address"), Takes::Address, (1, 1), Gives::A(Type::Bool), How::Class(how), about)
}

/// Every function, in alphabetical order.
pub static FUNCTIONS: &[Function] = &[
    function(
        ("abs", "number"),
        Takes::Number,
        (1, 1),
        Gives::First,
        How::Value(|args| match args {
            [Value::Int(number)] => number.checked_abs().map(Value::Int),
            [Value::Float(number)] => Some(Value::Float(number.abs())),
            _ => None,
        }),
        "the number without its sign",
    ),
    function(
        ("count", "field"),
        Takes::Anything,
        (1, 1),
        Gives::A(Type::Int),
        How::Count,
        "how many values the field has, 0 where it is not there",
    ),
    function(
        ("default", "value, other"),
        Takes::Anything,
        (2, MOST),
        Gives::First,
        How::Default,
        "the first of its arguments that is there",
    ),
    function(
        ("ends_with", "text, end"),
        Takes::Bytes,
        (2, 2),
        Gives::A(Type::Bool),
        How::Value(|args| match args {
            [text, end] => Some(Value::Bool(text.bytes()?.ends_with(end.bytes()?))),
            _ => None,
        }),
        "whether the text or bytes end so",
    ),
    of(
        ("entropy", "bytes"),
        Takes::Bytes,
        Type::Float,
        |args| args.first()?.bytes().map(|bytes| Value::Float(entropy(bytes))),
        "how unlike each other the bytes are, from 0 to 8 bits a byte: high for what is compressed or encrypted",
    ),
    of(
        ("float", "value"),
        Takes::Anything,
        Type::Float,
        float,
        "the value as a number; of times and durations, seconds",
    ),
    function(
        ("hash", "value, ..."),
        Takes::Anything,
        (1, MOST),
        Gives::A(Type::Int),
        How::Value(|args| Some(Value::Int(hash(args).into()))),
        "a number of 64 bits made of the values, the same in every run and version",
    ),
    of(
        ("int", "value"),
        Takes::Anything,
        Type::Int,
        int,
        "the value as a whole number, cut off behind the point",
    ),
    of(
        ("ip", "text"),
        Takes::Bytes,
        Type::Ip,
        |args| utf8(args.first()?)?.parse().ok().map(Value::Ip),
        "the text as an address",
    ),
    class("is_broadcast", is_broadcast, "whether it means all hosts: `255.255.255.255`, `ff:ff:ff:ff:ff:ff`"),
    class(
        "is_documentation",
        |value| match *value {
            Value::Ip(IpAddr::V4(a)) => {
                Some(matches!(a.octets(), [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]))
            }
            Value::Ip(IpAddr::V6(a)) => Some(matches!(a.segments(), [0x2001, 0xdb8, ..])),
            _ => None,
        },
        "whether it is for use in examples: `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`",
    ),
    class(
        "is_link_local",
        |value| match *value {
            Value::Ip(IpAddr::V4(a)) => Some(a.is_link_local()),
            Value::Ip(IpAddr::V6(a)) => Some(a.is_unicast_link_local()),
            _ => None,
        },
        "whether it is good on one link only: `169.254.0.0/16`, `fe80::/10`",
    ),
    class(
        "is_local",
        |value| match value {
            Value::Mac(mac) => mac.0.first().map(|byte| byte & 2 != 0),
            _ => None,
        },
        "whether the MAC address is locally administered",
    ),
    class(
        "is_loopback",
        |value| match value {
            Value::Ip(address) => Some(address.is_loopback()),
            _ => None,
        },
        "whether it means the host itself: `127.0.0.0/8`, `::1`",
    ),
    class(
        "is_multicast",
        |value| match value {
            Value::Ip(address) => Some(address.is_multicast()),
            Value::Mac(mac) => mac.0.first().map(|byte| byte & 1 != 0),
            _ => None,
        },
        "whether it is a group: `224.0.0.0/4`, `ff00::/8`, a MAC address with an odd first byte",
    ),
    class(
        "is_private",
        |value| match *value {
            Value::Ip(IpAddr::V4(a)) => Some(a.is_private()),
            Value::Ip(IpAddr::V6(a)) => Some(a.is_unique_local()),
            _ => None,
        },
        "whether it is not routed on the Internet: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `fc00::/7`",
    ),
    class(
        "is_unspecified",
        |value| match value {
            Value::Ip(address) => Some(address.is_unspecified()),
            _ => None,
        },
        "whether it is no address: `0.0.0.0`, `::`",
    ),
    class(
        "is_v4",
        |value| match value {
            Value::Ip(address) => Some(address.is_ipv4()),
            _ => None,
        },
        "whether it is an IPv4 address",
    ),
    class(
        "is_v6",
        |value| match value {
            Value::Ip(address) => Some(address.is_ipv6()),
            _ => None,
        },
        "whether it is an IPv6 address",
    ),
    of(
        ("len", "bytes"),
        Takes::Bytes,
        Type::Int,
        |args| args.first()?.bytes().map(|bytes| Value::Int(bytes.len() as i128)),
        "how many bytes the text, bytes or header have",
    ),
    text(
        ("lower", "text"),
        Takes::Bytes,
        |args, buffer| {
            buffer.extend_from_slice(args.first()?.bytes()?);
            buffer.make_ascii_lowercase();
            Some(())
        },
        "the text with its letters A to Z made small",
    ),
    function(
        ("max", "number, other"),
        Takes::Number,
        (2, MOST),
        Gives::First,
        How::Value(|args| extreme(args, std::cmp::Ordering::Greater)),
        "the largest of its arguments",
    ),
    of(
        ("milliseconds", "number"),
        Takes::Number,
        Type::Duration,
        |args| span(args.first()?.number()? * 1e6),
        "the number as a duration",
    ),
    function(
        ("min", "number, other"),
        Takes::Number,
        (2, MOST),
        Gives::First,
        How::Value(|args| extreme(args, std::cmp::Ordering::Less)),
        "the smallest of its arguments",
    ),
    of(
        ("seconds", "number"),
        Takes::Number,
        Type::Duration,
        |args| span(args.first()?.number()? * 1e9),
        "the number as a duration",
    ),
    function(
        ("starts_with", "text, start"),
        Takes::Bytes,
        (2, 2),
        Gives::A(Type::Bool),
        How::Value(|args| match args {
            [text, start] => Some(Value::Bool(text.bytes()?.starts_with(start.bytes()?))),
            _ => None,
        }),
        "whether the text or bytes begin so",
    ),
    text(
        ("text", "value"),
        Takes::Anything,
        |args, buffer| write!(buffer, "{}", args.first()?).ok(),
        "the value as it is printed",
    ),
    of(("time", "value"), Takes::Anything, Type::Time, to_time, "a text, or seconds since 1970, as a time"),
    text(
        ("upper", "text"),
        Takes::Bytes,
        |args, buffer| {
            buffer.extend_from_slice(args.first()?.bytes()?);
            buffer.make_ascii_uppercase();
            Some(())
        },
        "the text with its letters a to z made large",
    ),
];

/// The function of this name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

fn utf8<'v>(value: &Value<'v>) -> Option<&'v str> {
    std::str::from_utf8(value.bytes()?).ok().map(str::trim)
}

fn is_broadcast(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Ip(IpAddr::V4(address)) => Some(address.is_broadcast()),
        Value::Ip(IpAddr::V6(_)) => Some(false),
        Value::Mac(mac) => Some(mac.0 == [0xFF; 6]),
        _ => None,
    }
}

fn float<'v>(args: &[Value<'v>]) -> Option<Value<'v>> {
    let number = match args.first()? {
        Value::Text(_) | Value::Bytes(_) => utf8(args.first()?)?.parse().ok()?,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Time(ns) | Value::Duration(ns) => *ns as f64 / 1e9,
        value => value.number()?,
    };
    number.is_finite().then_some(Value::Float(number))
}

fn int<'v>(args: &[Value<'v>]) -> Option<Value<'v>> {
    match args.first()? {
        Value::Int(number) => Some(Value::Int(*number)),
        Value::Bool(value) => Some(Value::Int((*value).into())),
        value @ (Value::Text(_) | Value::Bytes(_)) => {
            // As wide as a number can be written in an expression.
            let number: i128 = utf8(value)?.parse().ok()?;
            (i128::from(i64::MIN)..=u64::MAX.into()).contains(&number).then_some(Value::Int(number))
        }
        Value::Float(number) if number.abs() < u64::MAX as f64 => Some(Value::Int(*number as i128)),
        _ => None,
    }
}

fn to_time<'v>(args: &[Value<'v>]) -> Option<Value<'v>> {
    match args.first()? {
        Value::Time(time) => Some(Value::Time(*time)),
        Value::Int(seconds) => i64::try_from(*seconds).ok()?.checked_mul(1_000_000_000).map(Value::Time),
        Value::Float(seconds) => match span(seconds * 1e9)? {
            Value::Duration(ns) => Some(Value::Time(ns)),
            _ => None,
        },
        value => {
            let text = utf8(value)?;
            time::parse(text).or_else(|| time::epoch(text)).map(Value::Time)
        }
    }
}

fn extreme<'v>(args: &[Value<'v>], wanted: std::cmp::Ordering) -> Option<Value<'v>> {
    let (first, others) = args.split_first()?;
    let mut best = *first;
    best.number()?;
    for other in others {
        if other.order(&best)? == wanted {
            best = *other;
        }
    }
    Some(best)
}

fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let all = bytes.len() as f64;
    let share = |count: u32| f64::from(count) / all;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| -share(*count) * share(*count).log2())
        .sum::<f64>()
        .abs()
}

/// FNV-1a over the bytes of the values, each preceded by its kind and followed by its length, then spread over all
/// bits; part of the promise that it never changes.
fn hash(values: &[Value<'_>]) -> u64 {
    let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
    for value in values {
        match value {
            Value::Bool(value) => hash.part(b'b', &[u8::from(*value)]),
            Value::Int(number) => hash.part(b'i', &number.to_be_bytes()),
            Value::Float(number) => hash.part(b'f', &number.to_bits().to_be_bytes()),
            Value::Text(bytes) | Value::Bytes(bytes) => hash.part(b't', bytes),
            Value::Mac(mac) => hash.part(b'm', &mac.0),
            Value::Ip(IpAddr::V4(address)) => hash.part(b'4', &address.octets()),
            Value::Ip(IpAddr::V6(address)) => hash.part(b'6', &address.octets()),
            Value::Net(network) => match network.address() {
                IpAddr::V4(address) => hash.part(network.prefix(), &address.octets()),
                IpAddr::V6(address) => hash.part(network.prefix(), &address.octets()),
            },
            Value::Time(ns) => hash.part(b'T', &ns.to_be_bytes()),
            Value::Duration(ns) => hash.part(b'D', &ns.to_be_bytes()),
        }
    }
    let z = (hash.0 ^ (hash.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

struct Fnv(u64);

impl Fnv {
    fn part(&mut self, kind: u8, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_be_bytes();
        for byte in [kind].iter().chain(bytes).chain(&length) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}
