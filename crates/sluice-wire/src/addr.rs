//! Addresses as users write them: networks in CIDR notation and MAC addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddrError {
    /// Not an IP address, with or without a prefix length.
    NotCidr(String),
    /// The part after the slash is not a number of bits.
    NotPrefix(String),
    /// The prefix is longer than the address.
    PrefixTooLong(String, u8),
    /// Bits after the prefix are set; the network that was probably meant.
    HostBits(String, Cidr),
    /// Not six pairs of hexadecimal digits.
    NotMac(String),
}

impl fmt::Display for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCidr(text) => write!(f, "`{text}` is not an IP address or network such as `10.0.0.0/8`"),
            Self::NotPrefix(text) => write!(f, "`{text}` has no number of bits after the slash"),
            Self::PrefixTooLong(text, bits) => write!(f, "`{text}` has a prefix longer than {bits} bits"),
            Self::HostBits(text, network) => {
                write!(f, "`{text}` has bits set after its prefix; the network is `{network}`")
            }
            Self::NotMac(text) => write!(f, "`{text}` is not a MAC address such as `02:00:00:00:00:01`"),
        }
    }
}

impl std::error::Error for AddrError {}

/// An IP network: an address whose bits after the prefix are zero, and the length of the prefix.
///
/// Written `10.0.0.0/8` or `fd00::/8`; an address without a slash is the network of that address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The network of `prefix` bits that `address` is in; a prefix longer than the address means all of it.
    pub fn containing(address: IpAddr, prefix: u8) -> Self {
        match address {
            IpAddr::V4(address) => {
                let prefix = prefix.min(32);
                Self { address: IpAddr::V4((address.to_bits() & mask_v4(prefix)).into()), prefix }
            }
            IpAddr::V6(address) => {
                let prefix = prefix.min(128);
                Self { address: IpAddr::V6((address.to_bits() & mask_v6(prefix)).into()), prefix }
            }
        }
    }

    /// The first address of the network.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The length of the prefix in bits.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the network has the given address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                address.to_bits() & mask_v4(self.prefix) == network.to_bits()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                address.to_bits() & mask_v6(self.prefix) == network.to_bits()
            }
            _ => false,
        }
    }
}

pub(crate) fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

pub(crate) fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| AddrError::NotCidr(text.into()))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| AddrError::PrefixTooLong(text.into(), longest))?,
            Some(_) => return Err(AddrError::NotPrefix(text.into())),
        };
        let network = Self::containing(address, prefix);
        if network.address == address { Ok(network) } else { Err(AddrError::HostBits(text.into(), network)) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A MAC address, written `02:00:00:00:00:01`; dashes between the pairs are understood too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of everybody.
    pub const BROADCAST: Self = Self([0xFF; 6]);

    /// Whether this is the address of a group, broadcast included, rather than that of a station.
    #[inline]
    pub fn is_group(&self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 1
    }
}

impl FromStr for Mac {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let wrong = || AddrError::NotMac(text.into());
        let mut pairs = text.split(separator);
        let mut octets = [0u8; 6];
        for octet in &mut octets {
            let pair = pairs.next().ok_or_else(wrong)?;
            if pair.len() != 2 || !pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        if pairs.next().is_some() { Err(wrong()) } else { Ok(Self(octets)) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

macro_rules! serde_as_text {
    ($type:ty, $expecting:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

serde_as_text!(Cidr, "an IP address or network such as `10.0.0.0/8`");
serde_as_text!(Mac, "a MAC address such as `02:00:00:00:00:01`");

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Cidr>().unwrap_err().to_string()
    }

    #[test]
    fn networks_are_read_and_written() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "::/0", "fd00::/8", "2001:db8::1/128"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        assert_eq!("10.1.2.3".parse::<Cidr>().unwrap().prefix(), 32);
        assert_eq!("::1".parse::<Cidr>().unwrap().prefix(), 128);
    }

    #[test]
    fn errors_say_what_is_wrong_and_what_was_meant() {
        assert_eq!(error("10.0.0.0/33"), "`10.0.0.0/33` has a prefix longer than 32 bits");
        assert_eq!(error("::/129"), "`::/129` has a prefix longer than 128 bits");
        assert_eq!(error("::/9999"), "`::/9999` has a prefix longer than 128 bits");
        assert_eq!(
            error("10.0.0.1/8"),
            "`10.0.0.1/8` has bits set after its prefix; the network is `10.0.0.0/8`"
        );
        assert_eq!(error("10.0.0.0/"), "`10.0.0.0/` has no number of bits after the slash");
        assert_eq!(error("10.0.0/8"), "`10.0.0/8` is not an IP address or network such as `10.0.0.0/8`");
        for text in
            ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:+1", "0200.0000.0001", "é2:00"]
        {
            assert!(matches!(text.parse::<Mac>(), Err(AddrError::NotMac(_))), "{text}");
        }
    }

    #[test]
    fn membership_needs_the_same_family() {
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.1.2.3".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
        assert!("fd00::/8".parse::<Cidr>().unwrap().contains("fdff::1".parse().unwrap()));
    }

    #[test]
    fn serde_uses_the_text() {
        let pair: (Cidr, Mac) = serde_json::from_str(r#"["10.0.0.0/8", "02-00-00-00-00-FF"]"#).unwrap();
        assert_eq!(serde_json::to_string(&pair).unwrap(), r#"["10.0.0.0/8","02:00:00:00:00:ff"]"#);
        let error = serde_json::from_str::<Cidr>(r#""10.0.0.0/33""#).unwrap_err().to_string();
        assert!(error.starts_with("`10.0.0.0/33` has a prefix longer than 32 bits"), "{error}");
    }
}
