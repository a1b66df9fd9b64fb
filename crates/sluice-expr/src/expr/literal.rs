//! Values as they are written.

use std::fmt;

use sluice_core::quantity::{Duration, Size};
use sluice_wire::addr::{AddrError, Cidr, Mac};

use super::ast::Literal;
use crate::{Value, time};

/// The length of the date, or date and time, that `text` begins with.
pub(super) fn date_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize, count: usize| {
        bytes.get(from..from + count).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is_date = digits(0, 4)
        && digits(5, 2)
        && digits(8, 2)
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-');
    if !is_date || bytes.get(10).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if !matches!(bytes.get(10), Some(b'T' | b't')) {
        return Some(10);
    }
    let mut at = 11;
    while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b':')
        || (bytes.get(at) == Some(&b'.') && digits(at + 1, 1))
    {
        at += 1;
    }
    let is_offset = digits(at + 1, 2) && bytes.get(at + 3) == Some(&b':') && digits(at + 4, 2);
    match bytes.get(at) {
        Some(b'Z' | b'z') => at += 1,
        Some(b'+' | b'-') if is_offset => at += 6,
        _ => {}
    }
    Some(at)
}

/// A value that begins with a digit or has a colon.
pub(super) fn read(text: &str) -> Result<Literal, String> {
    if text.contains(':') {
        return colons(text);
    }
    if text.matches('.').count() == 3 {
        return network(text);
    }
    number(text)
}

fn colons(text: &str) -> Result<Literal, String> {
    if text.contains('/') {
        return network(text);
    }
    if let Ok(mac) = text.parse::<Mac>() {
        return Ok(Literal::Mac(mac));
    }
    // Eight pairs would be an IPv6 address, too, but hardly one that is meant.
    if let Some(bytes) = bytes(text) {
        return Ok(Literal::Bytes(bytes));
    }
    text.parse().map(Literal::Ip).map_err(|_| {
        format!(
            "`{text}` is neither an IPv6 address (`fe80::1`) nor a MAC address (`02:00:00:00:00:01`) nor bytes (`47:45`)"
        )
    })
}

/// Bytes as pairs of digits between colons.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &str| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    text.split(':').map(byte).collect()
}

fn network(text: &str) -> Result<Literal, String> {
    if !text.contains('/') {
        let address = text.parse().map_err(|_| format!("`{text}` is not an IP address"))?;
        return Ok(Literal::Ip(address));
    }
    text.parse::<Cidr>().map(Literal::Net).map_err(|error: AddrError| error.to_string())
}

fn number(text: &str) -> Result<Literal, String> {
    let too_large = || format!("`{text}` does not fit into 64 bits");
    let radix = [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)];
    if let Some((digits, radix)) =
        radix.iter().find_map(|(prefix, radix)| Some((text.strip_prefix(prefix)?, *radix)))
    {
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        return match u64::from_str_radix(digits, radix) {
            Ok(number) => Ok(Literal::Int(number.into())),
            Err(_) if is_number => Err(too_large()),
            Err(_) => Err(format!("`{text}` is not a number of base {radix}")),
        };
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.len() > 1 && text.starts_with('0') {
            return Err(format!(
                "`{text}` begins with 0: write `0o{}` for an octal number",
                text.trim_start_matches('0')
            ));
        }
        return text.parse::<u64>().map(|number| Literal::Int(number.into())).map_err(|_| too_large());
    }
    let is_decimal = |c: char| c.is_ascii_digit() || ['.', 'e', 'E', '+', '-'].contains(&c);
    if text.chars().all(is_decimal)
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok_and(f64::is_finite)
    {
        return Ok(Literal::Decimal(text.to_owned()));
    }
    if let Ok(Duration(span)) = text.parse::<Duration>() {
        return i64::try_from(span).map(Literal::Duration).map_err(|_| too_large());
    }
    match text.parse::<Size>() {
        Ok(Size(size)) => Ok(Literal::Int(size.into())),
        Err(_) => Err(format!(
            "`{text}` is not a number, nor one with a unit such as `5s`, `250ms`, `64KiB`, `10k/s`"
        )),
    }
}

impl Literal {
    /// The value.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Decimal(text) => Value::Float(text.parse().unwrap_or(f64::NAN)),
            Self::Text(bytes) => Value::Text(bytes),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Mac(mac) => Value::Mac(*mac),
            Self::Ip(address) => Value::Ip(*address),
            Self::Net(network) => Value::Net(*network),
            Self::Time(time) => Value::Time(*time),
            Self::Duration(span) => Value::Duration(*span),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(text) => f.write_str(text),
            Self::Text(bytes) => quote(f, bytes),
            Self::Time(time) => time::write(f, *time),
            _ => self.value().fmt(f),
        }
    }
}

/// Writes text in quotation marks, so that it is read again as the same bytes.
pub(super) fn quote(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", c as u32)?,
                c => write!(f, "{c}")?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    f.write_str("\"")
}
