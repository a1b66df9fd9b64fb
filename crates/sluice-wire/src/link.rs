//! Link types: what the first byte of a captured frame belongs to.

use std::fmt;

/// A link-layer header type, numbered as in capture files (`LINKTYPE_*` of tcpdump.org).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

macro_rules! link_types {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        impl LinkType {
            $(#[doc = $doc] pub const $name: Self = Self($number);)*

            /// The name on tcpdump.org without its `LINKTYPE_` prefix, or `None` for a number not known here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// The link type with the given tcpdump.org name (without prefix, any case).
            pub fn from_name(name: &str) -> Option<Self> {
                $(if name.eq_ignore_ascii_case(stringify!($name)) { return Some(Self::$name); })*
                None
            }
        }
    };
}

link_types! {
    NULL = 0, "BSD loopback: a 4-byte address family in the capturing host's byte order.";
    ETHERNET = 1, "Ethernet.";
    PPP = 9, "PPP, with or without the HDLC-like address and control bytes.";
    RAW_12 = 12, "Raw IP as OpenBSD and some others number it in files.";
    RAW_14 = 14, "Raw IP as written by some BSD/OS hosts.";
    PPP_HDLC = 50, "PPP in HDLC-like framing.";
    RAW = 101, "Raw IP: the version nibble tells IPv4 from IPv6.";
    HDLC = 104, "Cisco HDLC.";
    IEEE802_11 = 105, "IEEE 802.11 without a radio header.";
    LOOP = 108, "OpenBSD loopback: a 4-byte address family in network byte order.";
    LINUX_SLL = 113, "Linux cooked capture, version 1.";
    IEEE802_11_RADIOTAP = 127, "IEEE 802.11 behind a radiotap header.";
    USER0 = 147, "For private use.";
    IPV4 = 228, "Raw IPv4.";
    IPV6 = 229, "Raw IPv6.";
    LINUX_SLL2 = 276, "Linux cooked capture, version 2.";
}

impl LinkType {
    /// Whether frames begin with an Ethernet header.
    pub const fn is_ethernet(self) -> bool {
        self.0 == Self::ETHERNET.0
    }

    /// Whether frames begin with the IP header itself.
    pub const fn is_raw_ip(self) -> bool {
        matches!(self, Self::RAW | Self::RAW_12 | Self::RAW_14 | Self::IPV4 | Self::IPV6)
    }

    /// Whether [`Layers::decode`](crate::layers::Layers::decode) understands this link type.
    pub const fn is_supported(self) -> bool {
        self.is_raw_ip()
            || matches!(
                self,
                Self::NULL
                    | Self::ETHERNET
                    | Self::PPP
                    | Self::PPP_HDLC
                    | Self::HDLC
                    | Self::LOOP
                    | Self::LINUX_SLL
                    | Self::LINUX_SLL2
            )
    }
}

impl fmt::Display for LinkType {
    /// The tcpdump.org name, or the number of a type that has none here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        for number in 0..=u16::MAX {
            let link = LinkType(number);
            match link.name() {
                Some(name) => assert_eq!(LinkType::from_name(&name.to_lowercase()), Some(link)),
                None => assert_eq!(link.to_string(), number.to_string()),
            }
        }
        assert_eq!(LinkType(276).to_string(), "LINUX_SLL2");
        assert_eq!(LinkType::from_name("ethernut"), None);
    }
}
