//! Connections.

use super::*;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A conversation between client and server, a millisecond from packet to packet.
struct Talk {
    packets: Packets,
    time: i64,
}

fn talk() -> Talk {
    Talk { packets: Packets::new(), time: 0 }
}

impl Talk {
    fn send(mut self, from: SocketAddr, to: SocketAddr, flags: u8, seq: u32, ack: u32, len: usize) -> Self {
        let mut frame = traffic::tcp(from, to, flags, &vec![7; len]);
        frame[38..42].copy_from_slice(&seq.to_be_bytes());
        frame[42..46].copy_from_slice(&ack.to_be_bytes());
        self.packets = at(self.packets, self.time, frame);
        self.time += MILLISECOND;
        self
    }

    fn up(self, flags: u8, seq: u32, ack: u32, len: usize) -> Self {
        self.send(client(), server(), flags, seq, ack, len)
    }

    fn down(self, flags: u8, seq: u32, ack: u32, len: usize) -> Self {
        self.send(server(), client(), flags, seq, ack, len)
    }

    fn open(self) -> Self {
        self.up(SYN, 100, 0, 0).down(SYN | ACK, 900, 101, 0).up(ACK, 101, 901, 0)
    }

    fn wait(mut self, time: i64) -> Self {
        self.time += time;
        self
    }

    fn told(&self, fields: &str) -> Vec<String> {
        told_as("", &self.packets, fields)
    }
}

#[test]
fn a_connection_from_its_handshake_to_its_close() {
    let talk = talk()
        .open()
        .up(ACK, 101, 901, 10)
        .down(ACK, 901, 111, 20)
        .up(ACK, 111, 921, 0)
        .down(ACK, 921, 111, 0)
        .up(FIN | ACK, 111, 921, 0)
        .down(FIN | ACK, 921, 112, 0)
        .up(ACK, 112, 922, 0);
    let fields = "id.orig_h id.resp_p conn_state history orig_bytes resp_bytes orig_pkts resp_pkts missed_bytes \
                  orig_retransmitted resp_rtt orig_rtt duration";
    assert_eq!(talk.told(fields), ["10.0.0.1 443 SF ShADdaFf 10 20 6 4 0 0 0.001 0.001 0.009"]);
}

#[test]
fn each_way_to_go_has_its_word() {
    let up = |flags| talk().up(flags, 100, 0, 0);
    for (talk, state, history) in [
        (up(SYN), "S0", "S"),
        (up(SYN).down(RST | ACK, 0, 101, 0), "REJ", "Sr"),
        (talk().open(), "S1", "ShA"),
        (talk().open().up(FIN | ACK, 101, 901, 0), "S2", "ShAF"),
        (talk().open().down(FIN | ACK, 901, 101, 0), "S3", "ShAf"),
        (talk().open().up(RST, 101, 0, 0), "RSTO", "ShAR"),
        (talk().open().down(RST, 901, 0, 0), "RSTR", "ShAr"),
        (up(SYN).up(RST, 101, 0, 0), "RSTOS0", "SR"),
        (talk().down(SYN | ACK, 900, 101, 0).down(RST, 901, 0, 0), "RSTRH", "^hr"),
        (up(SYN).up(FIN, 101, 0, 0), "SH", "SF"),
        (talk().down(SYN | ACK, 900, 101, 0).down(FIN | ACK, 901, 101, 0), "SHR", "^hf"),
        (talk().up(ACK, 101, 901, 5).down(ACK, 901, 106, 5), "OTH", "Dd"),
        (talk().down(ACK, 901, 101, 5).up(ACK, 101, 906, 0), "OTH", "^dA"),
        (
            talk().open().up(FIN | ACK, 101, 901, 0).down(FIN | ACK, 901, 102, 0).up(RST, 102, 0, 0),
            "SF",
            "ShAFfR",
        ),
        (up(SYN | FIN), "SH", "SQF"),
    ] {
        assert_eq!(talk.told("id.orig_h conn_state history"), [format!("10.0.0.1 {state} {history}")]);
    }
}

#[test]
fn what_came_before_is_retransmitted_and_what_comes_late_is_not() {
    let fields = "orig_bytes orig_retransmitted missed_bytes history";
    let again = talk().open().up(ACK, 101, 901, 10).up(ACK, 101, 901, 10).up(ACK, 105, 901, 10);
    assert_eq!(again.told(fields), ["14 2 0 ShADT"]);
    let late = talk().open().up(ACK, 121, 901, 10).up(ACK, 101, 901, 10).up(ACK, 111, 901, 10);
    assert_eq!(late.told(fields), ["30 0 0 ShAD"]);
    // Is anybody there? One byte behind, with a byte or without.
    let alive = talk().open().up(ACK, 101, 901, 10).up(ACK, 110, 901, 0).up(ACK, 110, 901, 1);
    assert_eq!(alive.told(fields), ["10 0 0 ShAD"]);
    let syn = talk().up(SYN, 100, 0, 0).up(SYN, 100, 0, 0).down(SYN | ACK, 900, 101, 0).up(ACK, 101, 901, 0);
    assert_eq!(syn.told("orig_retransmitted resp_rtt conn_state"), ["1 - S1"]);
}

#[test]
fn what_was_not_captured_is_missed() {
    let fields = "orig_bytes orig_missed_bytes history";
    // Acknowledged, so it did arrive.
    let gap = talk()
        .open()
        .up(ACK, 101, 901, 10)
        .up(ACK, 161, 901, 10)
        .down(ACK, 901, 171, 0)
        .up(ACK, 111, 901, 50);
    assert_eq!(gap.told(fields), ["70 50 ShADaGT"]);
    // Still missing at the end, with one side only.
    let one = talk().up(SYN, 100, 0, 0).up(ACK, 101, 901, 10).up(ACK, 161, 901, 10);
    assert_eq!(one.told(fields), ["70 50 SD"]);
    // Three gaps: the first is given up.
    let many = talk().open().up(ACK, 111, 901, 10).up(ACK, 131, 901, 10).up(ACK, 151, 901, 10);
    assert_eq!(many.told(fields), ["60 30 ShADG"]);
    // Far out of any window: not of this stream.
    let far = talk().open().up(ACK, 0x9000_0000, 901, 10).up(ACK, 101, 901, 10);
    assert_eq!(far.told(fields), ["10 0 ShAD"]);
}

#[test]
fn sequence_numbers_go_past_their_end() {
    let start = u32::MAX - 10;
    let talk = talk()
        .up(SYN, start, 0, 0)
        .down(SYN | ACK, 900, start.wrapping_add(1), 0)
        .up(ACK, start.wrapping_add(1), 901, 8)
        .up(ACK, start.wrapping_add(9), 901, 100)
        .up(ACK, start.wrapping_add(9), 901, 100)
        .up(SYN, start, 0, 0);
    let fields = "orig_bytes orig_retransmitted missed_bytes conn_state";
    assert_eq!(talk.told(fields), ["108 2 0 S1"]);
}

#[test]
fn a_syn_with_another_number_begins_a_new_connection() {
    let close = |talk: Talk| talk.up(FIN | ACK, 101, 901, 0).down(FIN | ACK, 901, 102, 0);
    let fields = "reason conn_state orig_pkts";
    let closed = close(talk().open()).up(SYN, 5000, 0, 0);
    assert_eq!(closed.told(fields), ["reused SF 3", "shutdown S0 1"]);
    // Roles may change.
    let other = close(talk().open()).down(SYN, 5000, 0, 0);
    assert_eq!(other.told("id.orig_h conn_state"), ["10.0.0.1 SF", "192.0.2.1 S0"]);
    let open = talk().open().up(SYN, 5000, 0, 0);
    assert_eq!(open.told(fields), ["reused S1 2", "shutdown S0 1"]);
    let middle = talk().up(ACK, 50, 60, 3).up(SYN, 5000, 0, 0);
    assert_eq!(middle.told(fields), ["reused OTH 1", "shutdown S0 1"]);
    // The same SYN once more is none, and neither is that of the other side.
    let rejected = talk().up(SYN, 100, 0, 0).down(RST | ACK, 0, 101, 0).up(SYN, 100, 0, 0);
    assert_eq!(rejected.told(fields), ["shutdown REJ 2"]);
    let both = talk().up(SYN, 100, 0, 0).down(SYN, 900, 0, 0).up(SYN | ACK, 100, 901, 0).down(
        SYN | ACK,
        900,
        101,
        0,
    );
    assert_eq!(both.told("reason orig_pkts resp_pkts history"), ["shutdown 2 2 SsHh"]);
    let reordered = talk().down(SYN | ACK, 900, 101, 0).up(SYN, 100, 0, 0).up(ACK, 101, 901, 0);
    assert_eq!(reordered.told("conn_state history"), ["S1 ^hSA"]);
}

#[test]
fn a_closed_connection_is_kept_for_what_comes_late_only() {
    let closed = || talk().open().up(RST, 101, 0, 0);
    assert_eq!(closed().wait(9 * SECOND).down(ACK, 901, 101, 5).told("reason"), ["shutdown"]);
    assert_eq!(closed().wait(10 * SECOND).down(ACK, 901, 101, 5).told("reason"), ["timeout", "shutdown"]);
}

#[test]
fn one_side_alone_is_a_connection_too() {
    let long = (0..5)
        .fold(talk().up(SYN, 100, 0, 0), |talk, at| talk.up(ACK, 101 + at * 10, 901, 10).wait(60 * SECOND));
    let fields = "reason conn_state orig_bytes resp_pkts history";
    assert_eq!(long.told(fields), ["shutdown OTH 50 0 SD"]);
    let answers = (0..5).fold(talk().down(SYN | ACK, 900, 101, 0), |talk, at| {
        talk.down(ACK, 901 + at * 10, 101, 10).wait(60 * SECOND)
    });
    assert_eq!(answers.told("id.orig_h conn_state resp_bytes history"), ["10.0.0.1 OTH 50 ^hd"]);
}

#[test]
fn a_header_that_is_cut_off_still_counts() {
    let mut frame = traffic::tcp(client(), server(), SYN, b"");
    frame.truncate(14 + 20 + 4);
    let packets = Packets::new().with(&frame, |f| f.wire = 54);
    assert_eq!(told_as("", &packets, "orig_pkts orig_ip_bytes orig_bytes conn_state"), ["1 40 0 OTH"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A stream in pieces, of which some change places with the next and some come twice, wherever its numbers begin: all
    /// of it is told, nothing is missed, and what came twice is what came twice.
    #[test]
    fn a_stream_is_told_whole_however_it_comes(
        start: u32,
        pieces in prop::collection::vec((1usize..1400, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut segments = Vec::new();
        let mut next = start.wrapping_add(1);
        for (len, ..) in &pieces {
            segments.push((next, *len));
            next = next.wrapping_add(*len as u32);
        }
        let mut at = 0;
        while at + 1 < segments.len() {
            if pieces[at].1 {
                segments.swap(at, at + 1);
                at += 1;
            }
            at += 1;
        }
        let mut talk = talk().up(SYN, start, 0, 0).down(SYN | ACK, 900, start.wrapping_add(1), 0);
        let mut twice = 0;
        for ((seq, len), (.., again)) in segments.iter().zip(&pieces) {
            talk = talk.up(ACK, *seq, 901, *len);
            // One byte may be a question whether anybody is there.
            if *again && *len > 1 {
                talk = talk.up(ACK, *seq, 901, *len);
                twice += 1;
            }
        }
        let talk = talk.up(FIN | ACK, next, 901, 0);
        let total: usize = pieces.iter().map(|(len, ..)| len).sum();
        let expected = format!("{total} 0 {twice}");
        prop_assert_eq!(talk.told("orig_bytes missed_bytes orig_retransmitted"), [expected]);
    }

    /// Some pieces never come: those are missed, whether or not the other side tells that it has them.
    #[test]
    fn what_never_comes_is_missed(
        start: u32,
        pieces in prop::collection::vec((1u32..1400, any::<bool>()), 2..40),
        tells: bool,
    ) {
        let mut talk = talk().up(SYN, start, 0, 0).down(SYN | ACK, 900, start.wrapping_add(1), 0);
        let (mut next, mut missed) = (start.wrapping_add(1), 0);
        for (len, comes) in &pieces {
            if *comes {
                talk = talk.up(ACK, next, 901, *len as usize);
            } else {
                missed += len;
            }
            next = next.wrapping_add(*len);
            if tells {
                talk = talk.down(ACK, 901, next, 0);
            }
        }
        let talk = talk.up(FIN | ACK, next, 901, 0);
        let total: u32 = pieces.iter().map(|(len, _)| len).sum();
        prop_assert_eq!(talk.told("orig_bytes missed_bytes orig_retransmitted"), [format!("{total} {missed} 0")]);
    }
}
