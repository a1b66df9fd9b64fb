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
    AX25 = 3, "AX.25 packet radio.";
    IEEE802_5 = 6, "Token Ring.";
    ARCNET_BSD = 7, "ARCNET as BSD systems frame it.";
    SLIP = 8, "SLIP behind a direction and a compressed header.";
    PPP = 9, "PPP, with or without the HDLC-like address and control bytes.";
    FDDI = 10, "FDDI.";
    RAW_12 = 12, "Raw IP as OpenBSD and some others number it in files.";
    RAW_14 = 14, "Raw IP as written by some BSD/OS hosts.";
    PPP_HDLC = 50, "PPP in HDLC-like framing.";
    PPP_ETHER = 51, "PPP over Ethernet, without the Ethernet header.";
    ATM_RFC1483 = 100, "ATM with LLC or VC multiplexing (RFC 1483).";
    RAW = 101, "Raw IP: the version nibble tells IPv4 from IPv6.";
    HDLC = 104, "Cisco HDLC.";
    IEEE802_11 = 105, "IEEE 802.11 without a radio header.";
    FRELAY = 107, "Frame Relay.";
    LOOP = 108, "OpenBSD loopback: a 4-byte address family in network byte order.";
    LINUX_SLL = 113, "Linux cooked capture, version 1.";
    LTALK = 114, "Apple LocalTalk.";
    PFLOG = 117, "OpenBSD packet filter log.";
    IEEE802_11_PRISM = 119, "IEEE 802.11 behind a Prism header.";
    IP_OVER_FC = 122, "IP over Fibre Channel.";
    SUNATM = 123, "ATM as SunATM devices frame it.";
    IEEE802_11_RADIOTAP = 127, "IEEE 802.11 behind a radiotap header.";
    ARCNET_LINUX = 129, "ARCNET as Linux frames it.";
    JUNIPER_ATM1 = 137, "A Juniper ATM interface, first kind.";
    APPLE_IP_OVER_IEEE1394 = 138, "IP over FireWire as Apple frames it.";
    MTP2_WITH_PHDR = 139, "SS7 MTP2 behind a pseudo header.";
    MTP2 = 140, "SS7 MTP2.";
    MTP3 = 141, "SS7 MTP3.";
    SCCP = 142, "SS7 SCCP.";
    DOCSIS = 143, "DOCSIS MAC frames.";
    LINUX_IRDA = 144, "Linux IrDA.";
    USER0 = 147, "For private use.";
    USER1 = 148, "For private use.";
    USER2 = 149, "For private use.";
    USER3 = 150, "For private use.";
    USER4 = 151, "For private use.";
    USER5 = 152, "For private use.";
    USER6 = 153, "For private use.";
    USER7 = 154, "For private use.";
    USER8 = 155, "For private use.";
    USER9 = 156, "For private use.";
    USER10 = 157, "For private use.";
    USER11 = 158, "For private use.";
    USER12 = 159, "For private use.";
    USER13 = 160, "For private use.";
    USER14 = 161, "For private use.";
    USER15 = 162, "For private use.";
    IEEE802_11_AVS = 163, "IEEE 802.11 behind an AVS header.";
    PPP_PPPD = 166, "PPP behind a byte of direction.";
    GPRS_LLC = 169, "GPRS LLC.";
    LINUX_LAPD = 177, "LAPD as Linux frames it.";
    BLUETOOTH_HCI_H4 = 187, "Bluetooth HCI.";
    USB_LINUX = 189, "USB as Linux frames it.";
    PPI = 192, "Any link layer behind a per-packet information header.";
    IEEE802_15_4_WITHFCS = 195, "IEEE 802.15.4 with a frame check sequence.";
    ERF = 197, "Endace extensible record format.";
    BLUETOOTH_HCI_H4_WITH_PHDR = 201, "Bluetooth HCI behind a direction.";
    PPP_WITH_DIR = 204, "PPP behind a byte of direction.";
    C_HDLC_WITH_DIR = 205, "Cisco HDLC behind a byte of direction.";
    FRELAY_WITH_DIR = 206, "Frame Relay behind a byte of direction.";
    IPMB_LINUX = 209, "IPMB as Linux frames it.";
    USB_LINUX_MMAPPED = 220, "USB as Linux frames it, with a longer header.";
    DECT = 221, "DECT.";
    FC_2 = 224, "Fibre Channel frames.";
    IPNET = 226, "Solaris IP observability.";
    CAN_SOCKETCAN = 227, "CAN as Linux frames it.";
    IPV4 = 228, "Raw IPv4.";
    IPV6 = 229, "Raw IPv6.";
    IEEE802_15_4_NOFCS = 230, "IEEE 802.15.4 without a frame check sequence.";
    DBUS = 231, "D-Bus messages.";
    DVB_CI = 235, "DVB common interface.";
    NFLOG = 239, "Linux netfilter log.";
    NETANALYZER = 240, "Ethernet behind a netANALYZER header.";
    IPOIB = 242, "IP over InfiniBand.";
    MPEG_2_TS = 243, "MPEG-2 transport streams.";
    NFC_LLCP = 245, "NFC logical link control.";
    INFINIBAND = 247, "InfiniBand.";
    SCTP = 248, "SCTP without IP.";
    USBPCAP = 249, "USB as USBPcap frames it.";
    BLUETOOTH_LE_LL = 251, "Bluetooth low energy.";
    WIRESHARK_UPPER_PDU = 252, "Upper-layer messages exported by Wireshark.";
    NETLINK = 253, "Linux netlink.";
    BLUETOOTH_LINUX_MONITOR = 254, "Bluetooth as the Linux monitor frames it.";
    PKTAP = 258, "Any link layer behind an Apple header.";
    EPON = 259, "Ethernet passive optical networks.";
    VSOCK = 271, "Linux virtual sockets.";
    LINUX_SLL2 = 276, "Linux cooked capture, version 2.";
    IEEE802_15_4_TAP = 283, "IEEE 802.15.4 behind a TAP header.";
    ZWAVE_TAP = 297, "Z-Wave behind a TAP header.";
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
                    | Self::PPP_ETHER
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
