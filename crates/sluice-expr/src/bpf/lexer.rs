//! Text to tokens.
//!
//! Of everything that could begin at a place the longest counts: `80-90` and `ftp-data` are one name each, and `len-1`
//! is a name too, where `len - 1` is a subtraction.

use std::net::Ipv6Addr;

use super::words;
use crate::error::{Error, Span};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind<'a> {
    /// A word of the language, in the one spelling of several that is used here; also `and`, `or`, `not`.
    Key(&'static str),
    /// An operator or bracket.
    Sym(&'static str),
    /// A word that is none of the language's, or one that a backslash keeps from being one.
    Name(&'a str),
    /// A number.
    Num(u32),
    /// Two to four numbers with dots between.
    Dotted(&'a str),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// A MAC address.
    Mac([u8; 6]),
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub kind: Kind<'a>,
    pub span: Span,
}

const SYMBOLS: [&str; 25] = [
    ">=", "<=", "!=", "==", "<<", ">>", "&&", "||", "+", "-", "*", "/", "%", ":", "[", "]", "!", "<", ">",
    "=", "(", ")", "&", "|", "^",
];

/// All tokens of the text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Error> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.bytes().next().unwrap_or_default();
        if matches!(first, b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
            continue;
        }
        let (kind, length) = token(rest, at)?;
        found.push(Token { kind, span: Span { start: at, end: at + length } });
        at += length;
    }
    Ok(found)
}

/// The token that `rest` begins with, and its length; `at` is where `rest` begins in the whole text.
fn token(rest: &str, at: usize) -> Result<(Kind<'_>, usize), Error> {
    if let Some(name) = rest.strip_prefix('\\') {
        let length = name.find([' ', '!', '(', ')', '\n', '\t']).unwrap_or(name.len());
        if let Some(name) = name.get(..length).filter(|name| !name.is_empty()) {
            return Ok((Kind::Name(name), length + 1));
        }
    }
    let word = word_length(rest);
    let (mac, mac_length) = mac(rest).unwrap_or_default();
    let (v6, v6_length) = v6(rest).unwrap_or((Ipv6Addr::UNSPECIFIED, 0));
    let number = number_length(rest);
    let dotted = dotted_length(rest);
    let longest = word.max(mac_length).max(v6_length).max(number).max(dotted);
    let part = rest.get(..longest).unwrap_or_default();
    let span = Span { start: at, end: at + longest };
    if longest == 0 {
        return symbol(rest, at);
    }
    let kind = if let Some(key) = words::key(part) {
        Kind::Key(key)
    } else if mac_length == longest {
        Kind::Mac(mac)
    } else if number == longest {
        Kind::Num(self::number(part).map_err(|cause| Error::new(span, cause))?)
    } else if dotted == longest {
        Kind::Dotted(part)
    } else if v6_length == longest {
        Kind::V6(v6)
    } else if let Some(number) = words::constant(part) {
        Kind::Num(number)
    } else {
        Kind::Name(part)
    };
    Ok((kind, longest))
}

fn symbol(rest: &str, at: usize) -> Result<(Kind<'_>, usize), Error> {
    let found = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)).copied();
    let kind = match found {
        Some("&&") => Kind::Key("and"),
        Some("||") => Kind::Key("or"),
        Some("!") => Kind::Key("not"),
        Some("==") => Kind::Sym("="),
        Some(symbol) => Kind::Sym(symbol),
        None => {
            let odd = rest.chars().next().unwrap_or_default();
            let span = Span { start: at, end: at + odd.len_utf8() };
            return Err(Error::new(span, format!("`{}` has no meaning here", odd.escape_debug())));
        }
    };
    Ok((kind, found.map_or(1, str::len)))
}

/// A letter or digit, then letters, digits, `-`, `_` and `.`, of which `-` and `_` may not end it.
fn word_length(rest: &str) -> usize {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return 0;
    }
    let run = rest.bytes().take_while(inside).count();
    rest.get(..run).unwrap_or_default().trim_end_matches(['-', '_']).len()
}

fn number_length(rest: &str) -> usize {
    let hex = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
    match hex.map(|digits| digits.bytes().take_while(u8::is_ascii_hexdigit).count()) {
        Some(digits) if digits > 0 => digits + 2,
        _ => rest.bytes().take_while(u8::is_ascii_digit).count(),
    }
}

/// Two to four numbers with dots between.
fn dotted_length(rest: &str) -> usize {
    let mut length = number_length(rest);
    let mut parts = 1;
    while length > 0 && parts < 4 {
        let Some(next) = rest.get(length..).and_then(|rest| rest.strip_prefix('.')) else { break };
        let digits = number_length(next);
        if digits == 0 {
            break;
        }
        length += digits + 1;
        parts += 1;
    }
    if parts > 1 { length } else { 0 }
}

/// The value of a number as C writes it: hexadecimal behind `0x`, octal behind `0`.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let octal = text.strip_prefix('0').filter(|rest| !rest.is_empty());
    let (digits, radix) = match (hex, octal) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) => (digits, 8),
        (None, None) => (text, 10),
    };
    if radix == 8 && digits.contains(['8', '9']) {
        return Err(format!("`{text}` is not octal, as the 0 before it says"));
    }
    u32::from_str_radix(digits, radix).map_err(|_| format!("`{text}` does not fit into 32 bits"))
}

/// The longest IPv6 address that the text begins with.
fn v6(rest: &str) -> Option<(Ipv6Addr, usize)> {
    let inside = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let run = rest.bytes().take(46).take_while(inside).count();
    (2..=run).rev().find_map(|length| Some((rest.get(..length)?.parse().ok()?, length)))
}

/// The MAC address that the text begins with, in any of its four notations.
fn mac(rest: &str) -> Option<([u8; 6], usize)> {
    separated(rest, b':')
        .or_else(|| separated(rest, b'-'))
        .or_else(|| separated(rest, b'.'))
        .or_else(|| quads(rest))
}

/// Six groups of one or two digits.
fn separated(rest: &str, separator: u8) -> Option<([u8; 6], usize)> {
    let bytes = rest.as_bytes();
    let mut address = [0; 6];
    let mut at = 0;
    for (index, byte) in address.iter_mut().enumerate() {
        if index > 0 {
            bytes.get(at).filter(|found| **found == separator)?;
            at += 1;
        }
        let digits = bytes.get(at..)?.iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
        *byte = u8::from_str_radix(rest.get(at..at + digits)?, 16).ok()?;
        at += digits;
    }
    Some((address, at))
}

/// Three groups of four digits with dots between, or twelve digits.
fn quads(rest: &str) -> Option<([u8; 6], usize)> {
    let dots = rest.as_bytes().get(4) == Some(&b'.');
    let step = if dots { 5 } else { 4 };
    let mut address = [0; 6];
    for (group, bytes) in address.chunks_mut(2).enumerate() {
        let at = group * step;
        if dots && group > 0 && rest.as_bytes().get(at - 1) != Some(&b'.') {
            return None;
        }
        let digits = rest.get(at..at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        bytes.copy_from_slice(&u16::from_str_radix(digits, 16).ok()?.to_be_bytes());
    }
    Some((address, 2 * step + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn the_longest_token_counts() {
        use Kind::*;
        assert_eq!(kinds("portrange 80-90"), [Key("portrange"), Name("80-90")]);
        assert_eq!(kinds("tcp[12]>>2"), [Key("tcp"), Sym("["), Num(12), Sym("]"), Sym(">>"), Num(2)]);
        assert_eq!(kinds("a&&b||!c"), [Name("a"), Key("and"), Name("b"), Key("or"), Key("not"), Name("c")]);
        assert_eq!(kinds("10.1 1.2.3.4 0x1F 010"), [Dotted("10.1"), Dotted("1.2.3.4"), Num(31), Num(8)]);
        assert_eq!(
            kinds("1.2.3.4.5 ftp-data \\tcp len"),
            [Name("1.2.3.4.5"), Name("ftp-data"), Name("tcp"), Key("len")]
        );
        assert_eq!(kinds("tcpflags&tcp-syn"), [Num(13), Sym("&"), Num(2)]);
    }

    #[test]
    fn addresses_have_many_notations() {
        let mac = Kind::Mac([0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0x0F]);
        for text in
            ["aa:bb:cc:dd:ee:f", "aa-bb-cc-dd-ee-0f", "AA.BB.CC.DD.EE.0F", "aabb.ccdd.ee0f", "aabbccddee0f"]
        {
            assert_eq!(kinds(text), [mac], "{text}");
        }
        for text in ["::", "::1", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "2001:db8::"] {
            assert_eq!(kinds(text), [Kind::V6(text.parse().unwrap())], "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_pointed_at() {
        for (text, start, message) in [
            ("ip ; tcp", 3, "`;` has no meaning here"),
            ("port 99999999999", 5, "`99999999999` does not fit into 32 bits"),
            ("port 089", 5, "`089` is not octal, as the 0 before it says"),
            ("ip \u{2014}", 3, "`\u{2014}` has no meaning here"),
        ] {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.span().start, error.message()), (start, message), "{text}");
        }
    }
}
