//! Names of services, protocols and other numbers: tables of our own, so that an expression means the same on every
//! machine.

use super::ast::Transport;
use super::words::find;

const TCP: Transport = Transport::Tcp;
const UDP: Transport = Transport::Udp;
/// Over TCP and UDP, so that the name says only which port.
const BOTH: Transport = Transport::Any;

const SERVICES: &[(&str, (u16, Transport))] = &[
    ("acr-nema", (104, TCP)),
    ("afpovertcp", (548, TCP)),
    ("afs3-bos", (7007, UDP)),
    ("afs3-callback", (7001, UDP)),
    ("afs3-fileserver", (7000, UDP)),
    ("amanda", (10080, TCP)),
    ("amqp", (5672, TCP)),
    ("amqps", (5671, TCP)),
    ("asf-rmcp", (623, UDP)),
    ("auth", (113, TCP)),
    ("bfd-control", (3784, UDP)),
    ("bfd-echo", (3785, UDP)),
    ("bgp", (179, TCP)),
    ("biff", (512, UDP)),
    ("bootpc", (68, UDP)),
    ("bootps", (67, UDP)),
    ("cfengine", (5308, TCP)),
    ("chargen", (19, BOTH)),
    ("coap", (5683, UDP)),
    ("coaps", (5684, UDP)),
    ("cvspserver", (2401, TCP)),
    ("daap", (3689, TCP)),
    ("daytime", (13, BOTH)),
    ("dhcpv6-client", (546, UDP)),
    ("dhcpv6-server", (547, UDP)),
    ("diameter", (3868, TCP)),
    ("dicom", (11112, TCP)),
    ("dict", (2628, TCP)),
    ("discard", (9, BOTH)),
    ("distcc", (3632, TCP)),
    ("dnp", (20000, BOTH)),
    ("domain", (53, BOTH)),
    ("domain-s", (853, BOTH)),
    ("echo", (7, BOTH)),
    ("epmap", (135, TCP)),
    ("epmd", (4369, TCP)),
    ("exec", (512, TCP)),
    ("finger", (79, TCP)),
    ("ftp", (21, TCP)),
    ("ftp-data", (20, TCP)),
    ("ftps", (990, TCP)),
    ("ftps-data", (989, TCP)),
    ("geneve", (6081, UDP)),
    ("git", (9418, TCP)),
    ("gopher", (70, TCP)),
    ("gpsd", (2947, TCP)),
    ("gtp-control", (2123, UDP)),
    ("gtp-user", (2152, UDP)),
    ("hkp", (11371, TCP)),
    ("http", (80, TCP)),
    ("http-alt", (8080, TCP)),
    ("https", (443, BOTH)),
    ("iax", (4569, UDP)),
    ("icpv2", (3130, UDP)),
    ("imap", (143, TCP)),
    ("imap2", (143, TCP)),
    ("imap3", (220, TCP)),
    ("imaps", (993, TCP)),
    ("ipfix", (4739, BOTH)),
    ("ipp", (631, TCP)),
    ("ipsec-nat-t", (4500, UDP)),
    ("ircd", (6667, TCP)),
    ("ircs-u", (6697, TCP)),
    ("isakmp", (500, UDP)),
    ("iscsi-target", (3260, TCP)),
    ("isns", (3205, BOTH)),
    ("iso-tsap", (102, TCP)),
    ("kerberos", (88, BOTH)),
    ("kermit", (1649, TCP)),
    ("klogin", (543, TCP)),
    ("kpasswd", (464, BOTH)),
    ("kshell", (544, TCP)),
    ("l2f", (1701, UDP)),
    ("l2tp", (1701, UDP)),
    ("ldap", (389, BOTH)),
    ("ldaps", (636, BOTH)),
    ("ldp", (646, BOTH)),
    ("lisp-control", (4342, UDP)),
    ("lisp-data", (4341, UDP)),
    ("lmtp", (24, TCP)),
    ("loc-srv", (135, TCP)),
    ("login", (513, TCP)),
    ("mbap", (502, TCP)),
    ("mdns", (5353, UDP)),
    ("microsoft-ds", (445, TCP)),
    ("mongodb", (27017, TCP)),
    ("mqtt", (1883, TCP)),
    ("ms-sql-m", (1434, UDP)),
    ("ms-sql-s", (1433, TCP)),
    ("ms-wbt-server", (3389, TCP)),
    ("msrpc", (135, TCP)),
    ("mysql", (3306, TCP)),
    ("nbd", (10809, TCP)),
    ("netbios-dgm", (138, UDP)),
    ("netbios-ns", (137, UDP)),
    ("netbios-ssn", (139, TCP)),
    ("netconf-ssh", (830, TCP)),
    ("netstat", (15, TCP)),
    ("nfs", (2049, BOTH)),
    ("nntp", (119, TCP)),
    ("nntps", (563, TCP)),
    ("ntalk", (518, UDP)),
    ("ntp", (123, UDP)),
    ("ntske", (4460, TCP)),
    ("nut", (3493, BOTH)),
    ("opcua-tcp", (4840, TCP)),
    ("openflow", (6653, TCP)),
    ("openvpn", (1194, BOTH)),
    ("pop3", (110, TCP)),
    ("pop3s", (995, TCP)),
    ("postgres", (5432, TCP)),
    ("postgresql", (5432, TCP)),
    ("pptp", (1723, TCP)),
    ("printer", (515, TCP)),
    ("ptp-event", (319, UDP)),
    ("ptp-general", (320, UDP)),
    ("puppet", (8140, TCP)),
    ("qotd", (17, TCP)),
    ("radius", (1812, BOTH)),
    ("radius-acct", (1813, BOTH)),
    ("redis", (6379, TCP)),
    ("route", (520, UDP)),
    ("rsync", (873, TCP)),
    ("rtmp", (1935, TCP)),
    ("rtsp", (554, BOTH)),
    ("s7comm", (102, TCP)),
    ("sane-port", (6566, TCP)),
    ("shell", (514, TCP)),
    ("sieve", (4190, TCP)),
    ("sip", (5060, BOTH)),
    ("sip-tls", (5061, BOTH)),
    ("smtp", (25, TCP)),
    ("snmp", (161, BOTH)),
    ("snmp-trap", (162, BOTH)),
    ("snmptrap", (162, BOTH)),
    ("socks", (1080, TCP)),
    ("ssdp", (1900, UDP)),
    ("ssh", (22, TCP)),
    ("stun", (3478, BOTH)),
    ("submission", (587, TCP)),
    ("submissions", (465, TCP)),
    ("sunrpc", (111, BOTH)),
    ("svn", (3690, TCP)),
    ("svrloc", (427, BOTH)),
    ("syslog", (514, BOTH)),
    ("syslog-tls", (6514, TCP)),
    ("systat", (11, TCP)),
    ("tacacs", (49, BOTH)),
    ("talk", (517, UDP)),
    ("tcpmux", (1, TCP)),
    ("telnet", (23, TCP)),
    ("telnets", (992, TCP)),
    ("tftp", (69, UDP)),
    ("time", (37, BOTH)),
    ("tinc", (655, BOTH)),
    ("turn", (3478, BOTH)),
    ("uucp", (540, TCP)),
    ("vxlan", (4789, UDP)),
    ("who", (513, UDP)),
    ("whois", (43, TCP)),
    ("wireguard", (51820, UDP)),
    ("www", (80, TCP)),
    ("x11", (6000, TCP)),
    ("xdmcp", (177, UDP)),
    ("xmpp-client", (5222, TCP)),
    ("xmpp-server", (5269, TCP)),
    ("zabbix-agent", (10050, TCP)),
    ("zabbix-trapper", (10051, TCP)),
];

/// IP protocols.
const PROTOCOLS: &[(&str, u32)] = &[
    ("ah", 51),
    ("ax.25", 93),
    ("dccp", 33),
    ("ddp", 37),
    ("egp", 8),
    ("eigrp", 88),
    ("encap", 98),
    ("esp", 50),
    ("etherip", 97),
    ("ethernet", 143),
    ("fc", 133),
    ("ggp", 3),
    ("gre", 47),
    ("hip", 139),
    ("hmp", 20),
    ("hopopt", 0),
    ("icmp", 1),
    ("idpr-cmtp", 38),
    ("idrp", 45),
    ("igmp", 2),
    ("igp", 9),
    ("igrp", 9),
    ("ip", 0),
    ("ipcomp", 108),
    ("ipencap", 4),
    ("ipip", 94),
    ("ipv6", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("isis", 124),
    ("iso-tp4", 29),
    ("l2tp", 115),
    ("manet", 138),
    ("mobility-header", 135),
    ("mpls-in-ip", 137),
    ("ospf", 89),
    ("pim", 103),
    ("pup", 12),
    ("rdp", 27),
    ("rohc", 142),
    ("rspf", 73),
    ("rsvp", 46),
    ("sctp", 132),
    ("shim6", 140),
    ("skip", 57),
    ("st", 5),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vmtp", 81),
    ("vrrp", 112),
    ("wesp", 141),
    ("xns-idp", 22),
    ("xtp", 36),
];

/// What `ether proto` knows by name: EtherTypes, and SAPs of 802.2 where they are below 256.
const ETHER_TYPES: &[(&str, u32)] = &[
    ("aarp", 0x80F3),
    ("arp", 0x0806),
    ("atalk", 0x809B),
    ("decnet", 0x6003),
    ("ip", 0x0800),
    ("ip6", 0x86DD),
    ("ipx", 0xE0),
    ("iso", 0xFE),
    ("lat", 0x6004),
    ("loopback", 0x9000),
    ("mopdl", 0x6001),
    ("moprc", 0x6002),
    ("netbeui", 0xF0),
    ("rarp", 0x8035),
    ("sca", 0x6007),
    ("stp", 0x42),
];

const ISO_PROTOCOLS: &[(&str, u32)] = &[("clnp", 0x81), ("esis", 0x82), ("isis", 0x83)];

const PF_REASONS: &[(&str, u32)] = &[
    ("bad-offset", 1),
    ("bad-timestamp", 6),
    ("congestion", 7),
    ("fragment", 2),
    ("ip-option", 8),
    ("match", 0),
    ("memory", 5),
    ("normalize", 4),
    ("proto-cksum", 9),
    ("short", 3),
    ("src-limit", 13),
    ("state-insert", 11),
    ("state-limit", 12),
    ("state-mismatch", 10),
    ("synproxy", 14),
];

const PF_ACTIONS: &[(&str, u32)] = &[
    ("accept", 0),
    ("binat", 6),
    ("block", 1),
    ("drop", 1),
    ("nat", 4),
    ("nobinat", 7),
    ("nonat", 5),
    ("nordr", 9),
    ("noscrub", 3),
    ("pass", 0),
    ("rdr", 8),
    ("scrub", 2),
    ("synproxy-drop", 10),
];

/// Types of 802.11 frames: the two bits of the type, where they stand in the first byte.
const WLAN_TYPES: &[(&str, u8)] =
    &[("control", 0x04), ("ctl", 0x04), ("data", 0x08), ("management", 0x00), ("mgt", 0x00)];

/// Subtypes of 802.11 frames: the upper four bits of the first byte, behind the type that they belong to.
const WLAN_SUBTYPES: &[(&str, (u8, u8))] = &[
    ("ack", (0x04, 0xD0)),
    ("assoc-req", (0x00, 0x00)),
    ("assoc-resp", (0x00, 0x10)),
    ("assocreq", (0x00, 0x00)),
    ("assocresp", (0x00, 0x10)),
    ("atim", (0x00, 0x90)),
    ("auth", (0x00, 0xB0)),
    ("authentication", (0x00, 0xB0)),
    ("ba", (0x04, 0x90)),
    ("bar", (0x04, 0x80)),
    ("beacon", (0x00, 0x80)),
    ("cf-ack", (0x08, 0x50)),
    ("cf-ack-poll", (0x08, 0x70)),
    ("cf-end", (0x04, 0xE0)),
    ("cf-end-ack", (0x04, 0xF0)),
    ("cf-poll", (0x08, 0x60)),
    ("cts", (0x04, 0xC0)),
    ("data", (0x08, 0x00)),
    ("data-cf-ack", (0x08, 0x10)),
    ("data-cf-ack-poll", (0x08, 0x30)),
    ("data-cf-poll", (0x08, 0x20)),
    ("deauth", (0x00, 0xC0)),
    ("deauthentication", (0x00, 0xC0)),
    ("disassoc", (0x00, 0xA0)),
    ("disassociation", (0x00, 0xA0)),
    ("null", (0x08, 0x40)),
    ("probe-req", (0x00, 0x40)),
    ("probe-resp", (0x00, 0x50)),
    ("probereq", (0x00, 0x40)),
    ("proberesp", (0x00, 0x50)),
    ("ps-poll", (0x04, 0xA0)),
    ("qos", (0x08, 0xC0)),
    ("qos-cf-ack-poll", (0x08, 0xF0)),
    ("qos-cf-poll", (0x08, 0xE0)),
    ("qos-data", (0x08, 0x80)),
    ("qos-data-cf-ack", (0x08, 0x90)),
    ("qos-data-cf-ack-poll", (0x08, 0xB0)),
    ("qos-data-cf-poll", (0x08, 0xA0)),
    ("reassoc-req", (0x00, 0x20)),
    ("reassoc-resp", (0x00, 0x30)),
    ("reassocreq", (0x00, 0x20)),
    ("reassocresp", (0x00, 0x30)),
    ("rts", (0x04, 0xB0)),
];

const WLAN_DIRECTIONS: &[(&str, u32)] = &[("dstods", 3), ("fromds", 2), ("nods", 0), ("tods", 1)];

/// A table of names that an expression may use.
#[derive(Clone, Copy)]
pub(super) struct Names<T: 'static> {
    table: &'static [(&'static str, T)],
    /// What such a name is called.
    pub what: &'static str,
}

impl<T: Copy> Names<T> {
    /// What a name stands for.
    pub fn find(&self, name: &str) -> Option<T> {
        find(self.table, name).or_else(|| find(self.table, &name.to_ascii_lowercase()))
    }

    /// Every name.
    pub fn all(&self) -> impl Iterator<Item = &'static str> + use<T> {
        self.table.iter().map(|(name, _)| *name)
    }
}

pub(super) const SERVICE: Names<(u16, Transport)> = Names { table: SERVICES, what: "service" };
pub(super) const PROTOCOL: Names<u32> = Names { table: PROTOCOLS, what: "IP protocol" };
pub(super) const ETHER_TYPE: Names<u32> = Names { table: ETHER_TYPES, what: "link protocol" };
pub(super) const ISO_PROTOCOL: Names<u32> = Names { table: ISO_PROTOCOLS, what: "ISO protocol" };
pub(super) const PF_REASON: Names<u32> = Names { table: PF_REASONS, what: "pf reason" };
pub(super) const PF_ACTION: Names<u32> = Names { table: PF_ACTIONS, what: "pf action" };
pub(super) const WLAN_TYPE: Names<u8> = Names { table: WLAN_TYPES, what: "802.11 frame type" };
pub(super) const WLAN_SUBTYPE: Names<(u8, u8)> = Names { table: WLAN_SUBTYPES, what: "802.11 frame subtype" };
pub(super) const WLAN_DIRECTION: Names<u32> = Names { table: WLAN_DIRECTIONS, what: "802.11 direction" };

/// The name of a pf action.
pub(super) fn pf_action_text(number: u32) -> &'static str {
    PF_ACTIONS.iter().find(|(_, action)| *action == number).map_or("pass", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(SERVICES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(WLAN_SUBTYPES.is_sorted_by(|a, b| a.0 < b.0));
        for table in [PROTOCOLS, ETHER_TYPES, ISO_PROTOCOLS, PF_REASONS, PF_ACTIONS, WLAN_DIRECTIONS] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0), "{table:?}");
        }
    }
}
