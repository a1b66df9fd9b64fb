use proptest::prelude::*;
use sluice_core::{Flags, Frame, Layers, MAIN, Registry};
use sluice_testkit::{Harness, Packets, hex, traffic};

use super::*;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: link_type\n{options}"))
}

/// Packets of a link type, converted: link type and bytes; nothing where a packet was dropped.
fn converted(options: &str, from: LinkType, frame: &[u8]) -> Option<(LinkType, Vec<u8>)> {
    with(options, from, frame, |_| {})
}

fn with(
    options: &str,
    from: LinkType,
    frame: &[u8],
    adjust: impl FnOnce(&mut Frame),
) -> Option<(LinkType, Vec<u8>)> {
    let mut filter = harness(options).unwrap();
    let outcome = filter.give(Packets::of(from).with(frame, adjust).build()).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    assert_eq!(batch.len() as u64 + filter.dropped("not_convertible"), 1);
    let (frame, data) = batch.iter().next()?;
    let link = batch.info().link(frame.interface);
    assert_eq!(batch.layers()[0], Layers::decode(link, data, frame.wire));
    assert_eq!(frame.wire as usize, data.len());
    Some((link, data.to_vec()))
}

const ALL: [&str; 8] = ["ethernet", "raw", "sll", "sll2", "hdlc", "ppp", "bsd_null", "bsd_loop"];

fn udp(family: u8) -> Vec<u8> {
    let ends = if family == 4 { ["10.0.0.1:1", "10.0.0.2:2"] } else { ["[fd00::1]:1", "[fd00::2]:2"] };
    traffic::udp(ends[0].parse().unwrap(), ends[1].parse().unwrap(), b"payload")
}

#[test]
fn every_header_is_what_the_link_type_wants() {
    let [four, six] = [4, 6].map(udp);
    for (to, number, v4, v6) in [
        ("raw", 101, "", ""),
        ("sll", 113, "0000 0001 0006 020000000001 0000 0800", "0000 0001 0006 020000000001 0000 86dd"),
        (
            "sll2",
            276,
            "0800 0000 00000000 0001 00 06 020000000001 0000",
            "86dd 0000 00000000 0001 00 06 020000000001 0000",
        ),
        ("hdlc", 104, "0f00 0800", "0f00 86dd"),
        ("ppp", 9, "ff03 0021", "ff03 0057"),
        ("bsd_null", 0, "02000000", "18000000"),
        ("bsd_loop", 108, "00000002", "00000018"),
    ] {
        for (frame, header) in [(&four, v4), (&six, v6)] {
            let expected = [hex(header), frame[14..].to_vec()].concat();
            let got = converted(&format!("  to: {to}"), LinkType::ETHERNET, frame);
            assert_eq!(got, Some((LinkType(number), expected)), "{to}");
        }
    }
    let user = converted("  to: user\n  number: 150\n  header: 00:01 ff", LinkType::ETHERNET, &four);
    assert_eq!(user, Some((LinkType(150), [&[0, 1, 0xFF], &four[14..]].concat())));
    let unknown = converted("  to: user\n  number: 147\n  header: aa", LinkType(999), &[1, 2]);
    assert_eq!(unknown, Some((LinkType(147), vec![0xAA, 1, 2])));
}

#[test]
fn ethernet_gets_its_addresses_from_options_or_the_old_header() {
    let options = "  to: ethernet\n  source_mac: 02:00:00:00:00:0a\n  destination_mac: 02:00:00:00:00:0b";
    let given = [&hex("02000000000b 02000000000a 0800")[..], &udp(4)[14..]].concat();
    let none = [&hex("000000000000 000000000000 0800")[..], &udp(4)[14..]].concat();
    let sll = [&hex("0000 0001 0006 020000000001 0000 0800")[..], &udp(4)[14..]].concat();
    assert_eq!(converted(options, LinkType::RAW, &udp(4)[14..]).unwrap().1, given);
    assert_eq!(converted(options, LinkType::ETHERNET, &udp(4)).unwrap().1, given);
    assert_eq!(converted("  to: ethernet", LinkType::RAW, &udp(4)[14..]).unwrap().1, none);
    let from_sll = converted("  to: ethernet", LinkType::LINUX_SLL, &sll).unwrap().1;
    assert_eq!(from_sll, [&hex("000000000000 020000000001 0800")[..], &udp(4)[14..]].concat());
}

#[test]
fn a_cooked_header_knows_where_a_packet_went() {
    let packet_type = |mac: &str, flags: Flags| {
        let frame = [hex(mac), hex("020000000001 0800"), udp(4)[14..].to_vec()].concat();
        let sll = with("  to: sll", LinkType::ETHERNET, &frame, |f| f.flags = flags).unwrap().1;
        let sll2 = with("  to: sll2", LinkType::ETHERNET, &frame, |f| f.flags = flags).unwrap().1;
        assert_eq!(sll[1], sll2[10]);
        sll[1]
    };
    assert_eq!(packet_type("020000000002", Flags::default()), 0);
    assert_eq!(packet_type("ffffffffffff", Flags::default()), 1);
    assert_eq!(packet_type("01005e000001", Flags::default()), 2);
    assert_eq!(packet_type("ffffffffffff", Flags::OUTBOUND), 4);
}

#[test]
fn what_a_link_type_cannot_carry_is_dropped() {
    let arp = traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]);
    let llc = hex("020000000002 020000000001 0003 424203");
    for to in ALL.map(|to| format!("  to: {to}")) {
        let for_ip = !["ethernet", "sll", "sll2", "hdlc"].iter().any(|name| to.ends_with(name));
        assert_eq!(converted(&to, LinkType::ETHERNET, &arp).is_none(), for_ip, "{to}");
        let no_llc = for_ip || to.ends_with("hdlc");
        assert_eq!(converted(&to, LinkType::ETHERNET, &llc).is_none(), no_llc, "{to}");
        assert_eq!(converted(&to, LinkType(999), &[1; 40]), None, "{to}");
    }
    // Tags stay where they can.
    let tagged = traffic::vlan(7, &udp(4));
    assert_eq!(converted("  to: raw", LinkType::ETHERNET, &tagged).unwrap().1, udp(4)[14..]);
    assert_eq!(converted("  to: hdlc", LinkType::ETHERNET, &tagged).unwrap().1[4..], tagged[14..]);
    let cooked = converted("  to: sll", LinkType::ETHERNET, &llc).unwrap().1;
    assert_eq!(cooked[14..], hex("0004 424203"));
    assert_eq!(converted("  to: ethernet", LinkType::LINUX_SLL, &cooked).unwrap().1[6..], llc[6..]);
}

#[test]
fn wrong_options_are_refused_where_they_stand() {
    for (options, message) in [
        ("  to: user", "`to: user` needs `number`"),
        ("  to: raw\n  number: 1", "number: it is used with `to: user` alone"),
        ("  to: raw\n  source_mac: 02:00:00:00:00:01", "source_mac: the new link type has no such address"),
        (
            "  to: sll\n  destination_mac: 02:00:00:00:00:01",
            "destination_mac: the new link type has no such address",
        ),
        (
            "  to: user\n  number: 147\n  header: 00 1",
            "header: `00 1` is not a row of bytes such as `00 01 ff`",
        ),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}

proptest! {
    /// Whatever way a packet takes, what it carries arrives.
    #[test]
    fn ip_survives_any_way(seed: u64, way in prop::collection::vec(prop::sample::select(&ALL[..]), 1..6)) {
        let frames: Vec<_> = traffic::mixture(20, seed).into_iter().filter(|f| f[12..14] == [8, 0]).collect();
        let mut batch = Batch::Packets(Packets::new().frames(&frames).build());
        for to in &way {
            batch = harness(&format!("  to: {to}")).unwrap().give(batch).unwrap().take(MAIN).unwrap();
        }
        let Batch::Packets(mut batch) = batch else { panic!("no packets") };
        let info = Arc::clone(batch.info());
        prop_assert_eq!(batch.len(), frames.len());
        for ((frame, data, layers), old) in batch.decoded().zip(&frames) {
            prop_assert_eq!(*layers, Layers::decode(info.link(0), data, frame.wire));
            let (_, at) = layers.network().unwrap();
            prop_assert_eq!(&data[at..], &old[14..]);
        }
    }

    #[test]
    fn what_is_no_packet_is_dropped_or_converted_but_never_too_much(
        seed: u64,
        to in prop::sample::select(&ALL[..]),
        from in prop::sample::select(&[0u16, 1, 9, 12, 50, 101, 104, 108, 113, 228, 276, 999][..]),
    ) {
        let mut filter = harness(&format!("  to: {to}")).unwrap();
        let batch = Packets::of(LinkType(from)).frames(traffic::malformed(100, seed)).build();
        let _twin = batch.duplicate(&sluice_testkit::pools());
        let outcome = filter.give(batch).unwrap();
        let passed = outcome.items(MAIN).len() as u64;
        prop_assert_eq!(passed + filter.dropped("not_convertible"), 100);
    }
}
