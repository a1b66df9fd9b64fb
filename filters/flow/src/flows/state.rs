//! How far a flow has come, and how it ended.

use sluice_wire::decode::{icmpv4, icmpv6, sctp, tcp, udp, udplite};

use super::entry::Flow;
use super::wheel::Class;

/// What a side of a connection has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing was seen of it.
    #[default]
    Silent,
    /// It asked for the connection.
    Asked,
    /// It agreed to it.
    Agreed,
    /// It was seen in the middle of the connection.
    Partial,
    /// Its handshake is done.
    Open,
    /// It closed its half.
    Closed,
    /// It broke the connection off.
    Reset,
}

impl End {
    /// The one of this number.
    pub fn of(number: u8) -> Option<Self> {
        use End::*;
        [Silent, Asked, Agreed, Partial, Open, Closed, Reset].into_iter().find(|end| *end as u8 == number)
    }
}

/// What decides how long a flow is kept without a packet, and what is given up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Asked for, and not answered.
    SynSent,
    /// Answered, and the handshake is not done.
    SynReceived,
    /// Data goes one way, and nothing was seen of the other.
    OneSided,
    Established,
    Closing,
    Closed,
    /// One side has broken it off.
    Reset,
    UdpUnanswered,
    Udp,
    IcmpUnanswered,
    Icmp,
    OtherUnanswered,
    Other,
}

/// How many phases there are.
pub(super) const PHASES: usize = 13;

impl Phase {
    /// The phase in which a flow is.
    #[inline]
    pub fn of(flow: &Flow) -> Self {
        let both = flow.sides.iter().all(|side| side.packets.get() > 0);
        match flow.key.protocol() {
            tcp::NUMBER | sctp::NUMBER => match flow.ends {
                [End::Reset, _] | [_, End::Reset] => Phase::Reset,
                [End::Closed, End::Closed] => Phase::Closed,
                [End::Closed, _] | [_, End::Closed] => Phase::Closing,
                [End::Agreed, _] | [_, End::Agreed] => Phase::SynReceived,
                [End::Asked, _] | [_, End::Asked] => Phase::SynSent,
                _ if both => Phase::Established,
                _ => Phase::OneSided,
            },
            udp::NUMBER | udplite::NUMBER if both => Phase::Udp,
            udp::NUMBER | udplite::NUMBER => Phase::UdpUnanswered,
            icmpv4::NUMBER | icmpv6::NUMBER if both => Phase::Icmp,
            icmpv4::NUMBER | icmpv6::NUMBER => Phase::IcmpUnanswered,
            _ if both => Phase::Other,
            _ => Phase::OtherUnanswered,
        }
    }

    /// Whether the handshake is under way.
    pub fn is_half_open(self) -> bool {
        matches!(self, Phase::SynSent | Phase::SynReceived)
    }

    /// What is lost when a flow in this phase is given up.
    pub fn class(self) -> Class {
        match self {
            Phase::Closed | Phase::Reset => Class::Over,
            Phase::SynSent
            | Phase::SynReceived
            | Phase::OneSided
            | Phase::UdpUnanswered
            | Phase::IcmpUnanswered
            | Phase::OtherUnanswered => Class::Unanswered,
            Phase::Established | Phase::Closing | Phase::Udp | Phase::Icmp | Phase::Other => Class::Answered,
        }
    }
}

/// Zeek's word for how a flow went.
pub(super) fn conn_state(flow: &Flow) -> &'static str {
    let [packets, answers] = [0, 1].map(|side: usize| flow.sides[side].packets.get() > 0);
    if !matches!(flow.key.protocol(), tcp::NUMBER | sctp::NUMBER) {
        return match (packets, answers) {
            (true, true) => "SF",
            (true, false) => "S0",
            (false, true) => "SHR",
            (false, false) => "OTH",
        };
    }
    let has_data = flow.sides.iter().any(|side| side.payload.get() > 0);
    match flow.ends {
        [End::Asked, End::Reset] if !has_data => "REJ",
        [End::Silent, End::Reset] => "RSTRH",
        [_, End::Reset] => "RSTR",
        [End::Reset, End::Silent] => "RSTOS0",
        [End::Reset, _] => "RSTO",
        [End::Closed, End::Closed] => "SF",
        [End::Closed, End::Silent] => "SH",
        [End::Closed, _] => "S2",
        [End::Silent, End::Closed] => "SHR",
        [_, End::Closed] => "S3",
        [End::Asked, End::Silent] => "S0",
        [End::Open, End::Open] | [End::Asked, End::Agreed] => "S1",
        _ => "OTH",
    }
}

/// Suricata's word for how far a flow has come.
pub(super) fn eve_state(flow: &Flow) -> &'static str {
    match flow.phase {
        Phase::Closed | Phase::Reset => "closed",
        Phase::Established | Phase::Closing | Phase::Udp | Phase::Icmp | Phase::Other => "established",
        _ => "new",
    }
}
