//! What an expression says, with every name resolved and every implied qualifier written out.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Span;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// One test, and where it stands in the text.
    Test(Test, Span),
    /// What the inner one is not.
    Not(Box<Expr>),
    /// Expressions joined from left to right: `and` binds no tighter than `or`.
    Chain(Box<Expr>, Vec<(Join, Expr)>),
}

/// How an expression is joined to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Both.
    And,
    /// At least one.
    Or,
}

/// One thing that a packet may or may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// A protocol's name alone.
    Proto(Proto),
    /// An IPv4 address under a mask, in IPv4 or ARP.
    V4(HostProto, Dir, Ipv4Addr, Ipv4Addr),
    /// An IPv6 address up to a prefix length.
    V6(Dir, Ipv6Addr, u8),
    /// A MAC address.
    Mac(MacDir, [u8; 6]),
    /// A DECnet address, area and node in one.
    Decnet(Dir, u16),
    /// A range of ports.
    Port(Transport, Dir, u16, u16),
    /// What follows the link header.
    EtherType(u32),
    /// What the IP header says that follows it.
    IpProto(Family, u32),
    /// What follows the IP header, behind extension headers.
    ProtoChain(Family, u32),
    /// The kind of an ISO packet.
    IsoProto(u32),
    /// The kind of an IS-IS packet.
    IsisProto(u32),
    /// Sent to everybody, in the given layer.
    Broadcast(CastLayer),
    /// Sent to a group, in the given layer.
    Multicast(CastLayer),
    /// At most so long.
    Less(u32),
    /// At least so long.
    Greater(u32),
    /// A byte of the frame.
    Byte(u32, ByteOp, u32),
    /// Not sent by the capturing host.
    Inbound,
    /// Sent by the capturing host.
    Outbound,
    /// The index of the interface.
    IfIndex(u32),
    /// Encapsulated so, with this tag, label or session; tests further on look inside.
    Inside(Tunnel, Option<u32>),
    /// PPPoE discovery.
    Pppoed,
    /// An 802.2 header, of this kind.
    Llc(Option<Llc>),
    /// What pf logged.
    Pf(Pf),
    /// Bits of the first byte of an 802.11 header: value and mask.
    WlanFrame(u8, u8),
    /// The direction of an 802.11 frame.
    WlanDir(u32),
    /// A kind of ATM cell.
    Atm(Atm),
    /// An ATM path or channel is one of these.
    AtmIs(AtmField, Vec<u32>),
    /// An ATM path or channel compares so.
    AtmCompare(AtmField, Relation, u32),
    /// Two numbers compare so.
    Compare(Arith, Relation, Arith),
}

/// A number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arith {
    /// A constant.
    Number(u32),
    /// The length of the packet.
    Len,
    /// Bytes of a header.
    Load {
        /// Whose header.
        proto: Proto,
        /// The offset in it.
        at: Box<Arith>,
        /// How many bytes: 1, 2 or 4.
        size: u8,
        /// Where it stands in the text.
        span: Span,
    },
    /// The negative.
    Negative(Box<Arith>),
    /// Two numbers combined; where the operator stands in the text.
    Binary(Op, Box<Arith>, Box<Arith>, Span),
}

/// Enumerations whose members have one spelling each.
macro_rules! spelled {
    ($(#[doc = $about:literal] $name:ident { $($member:ident = $text:literal,)* })*) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            #[allow(missing_docs, reason = "the members are the words of the language")]
            pub enum $name { $($member,)* }

            impl $name {
                /// Every member.
                pub const ALL: &[Self] = &[$(Self::$member,)*];

                /// How it is written.
                pub const fn text(self) -> &'static str {
                    match self { $(Self::$member => $text,)* }
                }

                /// The one that is written so.
                pub fn of(text: &str) -> Option<Self> {
                    Self::ALL.iter().copied().find(|member| member.text() == text)
                }
            }
        )*
    };
}

spelled! {
    /// The protocols that can stand alone or qualify something.
    Proto {
        Link = "ether", Ip = "ip", Ip6 = "ip6", Arp = "arp", Rarp = "rarp", Tcp = "tcp", Udp = "udp",
        Sctp = "sctp", Icmp = "icmp", Icmp6 = "icmp6", Igmp = "igmp", Igrp = "igrp", Pim = "pim",
        Vrrp = "vrrp", Carp = "carp", Ah = "ah", Esp = "esp", Atalk = "atalk", Aarp = "aarp",
        Decnet = "decnet", Lat = "lat", Sca = "sca", Moprc = "moprc", Mopdl = "mopdl", Iso = "iso",
        Esis = "esis", Isis = "isis", Clnp = "clnp", L1 = "l1", L2 = "l2", Iih = "iih", Lsp = "lsp",
        Snp = "snp", Csnp = "csnp", Psnp = "psnp", Stp = "stp", Ipx = "ipx", Netbeui = "netbeui",
        Radio = "radio",
    }
    /// Where IPv4 addresses are looked for.
    HostProto { Any = "", Ip = "ip", Arp = "arp", Rarp = "rarp", }
    /// Which end of a packet.
    Dir { Either = "", Src = "src", Dst = "dst", Both = "src and dst", }
    /// Which MAC address of a frame.
    MacDir {
        Either = "", Src = "src", Dst = "dst", Both = "src and dst", Addr1 = "addr1", Addr2 = "addr2",
        Addr3 = "addr3", Addr4 = "addr4", Ra = "ra", Ta = "ta",
    }
    /// Which transport protocols have the port.
    Transport { Any = "", Tcp = "tcp", Udp = "udp", Sctp = "sctp", }
    /// Which IP.
    Family { Any = "", V4 = "ip", V6 = "ip6", }
    /// Which layer says who is meant.
    CastLayer { Link = "ether", V4 = "ip", V6 = "ip6", }
    /// What a byte is compared by.
    ByteOp { Equal = "=", Less = "<", Greater = ">", And = "&", Or = "|", }
    /// What can be looked inside of.
    Tunnel { Vlan = "vlan", Mpls = "mpls", Pppoes = "pppoes", Geneve = "geneve", Vxlan = "vxlan", }
    /// Kinds of 802.2 frames.
    Llc {
        I = "i", S = "s", U = "u", Rr = "rr", Rnr = "rnr", Rej = "rej", Ui = "ui", Ua = "ua", Disc = "disc",
        Dm = "dm", Sabme = "sabme", Test = "test", Xid = "xid", Frmr = "frmr",
    }
    /// Kinds of ATM cells.
    Atm {
        Lane = "lane", Metac = "metac", Bcc = "bcc", Oamf4ec = "oamf4ec", Oamf4sc = "oamf4sc", Sc = "sc",
        Ilmic = "ilmic", Oam = "oam", Oamf4 = "oamf4", Connectmsg = "connectmsg", Metaconnect = "metaconnect",
    }
    /// Fields of an ATM header.
    AtmField { Vpi = "vpi", Vci = "vci", }
    /// How two numbers are compared.
    Relation {
        Equal = "=", NotEqual = "!=", Greater = ">", AtLeast = ">=", Less = "<", AtMost = "<=",
    }
    /// What is done with two numbers.
    Op {
        Add = "+", Sub = "-", Mul = "*", Div = "/", Mod = "%", And = "&", Or = "|", Xor = "^", Shl = "<<", Shr = ">>",
    }
}

/// What pf logs with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pf {
    /// The name of the interface.
    Interface(String),
    /// The name of the rule set.
    Ruleset(String),
    /// The number of the rule.
    Rule(u32),
    /// The number of the rule in an anchored rule set.
    SubRule(u32),
    /// Why it was logged.
    Reason(u32),
    /// What was done with it.
    Action(u32),
}
