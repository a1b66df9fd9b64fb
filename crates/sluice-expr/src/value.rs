//! What expressions compute with: values, their types, and how two of them compare.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use sluice_wire::addr::{Cidr, Mac};

use crate::time;

/// What kind of value a field or expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A header: the bytes from its start to the end of the packet that it belongs to.
    Header,
    /// True or false; the numbers 1 and 0 stand for them too.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A MAC address.
    Mac,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A point in time.
    Time,
    /// A span of time.
    Duration,
    /// What a record has there, which may be another type in the next record.
    Any,
}

impl Type {
    /// Its name in documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Mac => "mac",
            Self::Ip => "ip",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Any => "any",
        }
    }

    /// With its article, for messages.
    pub(crate) const fn a(self) -> &'static str {
        match self {
            Self::Header => "a header",
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Mac => "a MAC address",
            Self::Ip => "an IP address",
            Self::Time => "a time",
            Self::Duration => "a duration",
            Self::Any => "a field of records",
        }
    }

    /// Whether it is a number.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Any)
    }

    /// Whether it is a run of bytes.
    pub(crate) const fn is_bytes(self) -> bool {
        matches!(self, Self::Text | Self::Bytes | Self::Header | Self::Any)
    }

    /// Whether values of the two can be compared.
    pub(crate) fn compares_with(self, other: Self) -> bool {
        self == other
            || self == Self::Any
            || other == Self::Any
            || (self.is_number() && other.is_number())
            || (self.is_bytes() && other.is_bytes())
    }
}

/// One value. Texts and bytes are borrowed from the item that they were found in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number; wide enough for 64 bits with and without sign.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text, which is UTF-8 unless the item's is not.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A MAC address.
    Mac(Mac),
    /// An IP address.
    Ip(IpAddr),
    /// A network; it equals every address in it.
    Net(Cidr),
    /// ns since the epoch.
    Time(i64),
    /// ns.
    Duration(i64),
}

impl<'a> Value<'a> {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Text(_) => Type::Text,
            Self::Bytes(_) => Type::Bytes,
            Self::Mac(_) => Type::Mac,
            Self::Ip(_) | Self::Net(_) => Type::Ip,
            Self::Time(_) => Type::Time,
            Self::Duration(_) => Type::Duration,
        }
    }

    /// The bytes of a text or of bytes.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Text(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A number as one with a fraction.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Which of the two comes first; `None` where they cannot be compared.
    ///
    /// An address in a network equals it. A text that is compared with an address or a time is read as one.
    pub(crate) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(_) | Self::Float(_), Value::Int(_) | Value::Float(_)) => {
                self.number()?.partial_cmp(&other.number()?)
            }
            (Self::Text(a) | Self::Bytes(a), Value::Text(b) | Value::Bytes(b)) => Some(a.cmp(b)),
            (Self::Mac(a), Value::Mac(b)) => Some(a.cmp(b)),
            (Self::Ip(a), Value::Ip(b)) => same_family(*a, *b).then(|| a.cmp(b)),
            (Self::Ip(a), Value::Net(b)) => within(*a, b),
            (Self::Net(a), Value::Ip(b)) => within(*b, a).map(Ordering::reverse),
            (Self::Net(a), Value::Net(b)) => (a == b).then_some(Ordering::Equal),
            (Self::Time(a), Value::Time(b)) | (Self::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
            (Self::Text(text), _) => read(text, other)?.order(other),
            (_, Value::Text(text)) => self.order(&read(text, self)?),
            _ => None,
        }
    }
}

fn same_family(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}

fn within(address: IpAddr, network: &Cidr) -> Option<Ordering> {
    match network.contains(address) {
        true => Some(Ordering::Equal),
        false => same_family(address, network.address()).then(|| address.cmp(&network.address())),
    }
}

/// A text as what it is compared with.
fn read<'v>(text: &[u8], like: &Value<'_>) -> Option<Value<'v>> {
    let text = || std::str::from_utf8(text).ok();
    match like {
        Value::Ip(_) | Value::Net(_) => text()?.parse().ok().map(Value::Ip),
        Value::Mac(_) => text()?.parse().ok().map(Value::Mac),
        Value::Time(_) => time::parse(text()?).map(Value::Time),
        _ => None,
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => String::from_utf8_lossy(text).fmt(f),
            Self::Bytes(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
                }
                Ok(())
            }
            Self::Mac(mac) => mac.fmt(f),
            Self::Ip(address) => address.fmt(f),
            Self::Net(network) => network.fmt(f),
            Self::Time(time) => time::write(f, *time),
            Self::Duration(span) => {
                let sign = if *span < 0 { "-" } else { "" };
                write!(f, "{sign}{}", sluice_core::quantity::Duration(span.unsigned_abs()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_whatever_their_kind_and_texts_are_read_as_addresses() {
        assert_eq!(Value::Int(2).order(&Value::Float(2.5)), Some(Ordering::Less));
        assert_eq!(Value::Float(f64::NAN).order(&Value::Int(1)), None);
        assert_eq!(Value::Text(b"1").order(&Value::Int(1)), None);
        let net = Value::Net("10.0.0.0/8".parse().unwrap());
        assert_eq!(Value::Text(b"10.1.2.3").order(&net), Some(Ordering::Equal));
        assert_eq!(Value::Text(b"11.1.2.3").order(&net), Some(Ordering::Greater));
        assert_eq!(Value::Text(b"ten").order(&net), None);
        assert_eq!(Value::Ip("::1".parse().unwrap()).order(&net), None);
        assert_eq!(Value::Text(b"1970-01-01T00:00:01Z").order(&Value::Time(1)), Some(Ordering::Greater));
    }
}
