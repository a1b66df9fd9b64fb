//! How long flows are kept.

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::OptionError;
use sluice_core::quantity::Duration;

use super::state::{PHASES, Phase};

/// How long a flow is kept without a packet, by how far it has come.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timeouts {
    /// TCP and SCTP: the handshake is not done.
    tcp_opening: Duration,
    /// TCP and SCTP: the connection is open.
    tcp_established: Duration,
    /// TCP and SCTP: one side has closed its half.
    tcp_closing: Duration,
    /// TCP and SCTP: both sides have closed, or one has broken off. What comes later still is a flow of its own.
    tcp_closed: Duration,
    /// UDP: nobody has answered.
    udp_unanswered: Duration,
    /// UDP: both sides talk.
    udp: Duration,
    /// ICMP and ICMPv6.
    icmp: Duration,
    /// Every other protocol.
    other: Duration,
    /// Any flow, whatever the others say: the shorter one counts.
    idle: Option<Duration>,
}

const SECOND: u64 = 1_000_000_000;

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = |seconds: u64| Duration(seconds * SECOND);
        Self {
            tcp_opening: seconds(30),
            tcp_established: seconds(600),
            tcp_closing: seconds(120),
            tcp_closed: seconds(10),
            udp_unanswered: seconds(30),
            udp: seconds(120),
            icmp: seconds(30),
            other: seconds(60),
            idle: None,
        }
    }
}

impl Timeouts {
    /// The timeout of each phase in ns.
    pub fn compile(&self) -> Result<[i64; PHASES], OptionError> {
        let named = [
            ("tcp_opening", self.tcp_opening),
            ("tcp_established", self.tcp_established),
            ("tcp_closing", self.tcp_closing),
            ("tcp_closed", self.tcp_closed),
            ("udp_unanswered", self.udp_unanswered),
            ("udp", self.udp),
            ("icmp", self.icmp),
            ("other", self.other),
            ("idle", self.idle.unwrap_or(Duration(SECOND))),
        ];
        if let Some((name, _)) = named.iter().find(|(_, time)| time.0 == 0) {
            return Err(OptionError::at(
                "timeouts",
                format!("`{name}` is no time: a flow would be over before it begins"),
            ));
        }
        let limit = self.idle.map_or(i64::MAX as u64, |idle| idle.0);
        let mut phases = [0; PHASES];
        for (phase, time) in [
            (Phase::SynSent, self.tcp_opening),
            (Phase::SynReceived, self.tcp_opening),
            (Phase::OneSided, self.tcp_established),
            (Phase::Established, self.tcp_established),
            (Phase::Closing, self.tcp_closing),
            (Phase::Closed, self.tcp_closed),
            (Phase::Reset, self.tcp_closed),
            (Phase::UdpUnanswered, self.udp_unanswered),
            (Phase::Udp, self.udp),
            (Phase::IcmpUnanswered, self.icmp),
            (Phase::Icmp, self.icmp),
            (Phase::OtherUnanswered, self.other),
            (Phase::Other, self.other),
        ] {
            phases[phase as usize] = time.0.min(limit).min(i64::MAX as u64) as i64;
        }
        Ok(phases)
    }
}
