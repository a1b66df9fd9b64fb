use std::sync::Arc;

use proptest::prelude::*;
use sluice_core::{Batch, CaptureInfo, Layers, MAIN, PacketBatch, Registry};
use sluice_testkit::{Harness, Packets, hex, traffic};
use sluice_wire::link::LinkType;

fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
    Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: vlan\n{options}"))
}

fn tagged(options: &str, frame: &[u8]) -> Vec<u8> {
    harness(options).unwrap().pass(Packets::new().frame(frame).build()).unwrap().remove(0)
}

/// Two addresses, then this.
fn frame(rest: &str) -> Vec<u8> {
    hex(&format!("020000000002 020000000001 {rest}"))
}

#[test]
fn tags_are_put_on_outermost_first() {
    let plain = frame("0800 45");
    for (options, expected) in [
        ("  push: [{id: 100}]", frame("8100 0064 0800 45")),
        ("  push: [{id: 4095, priority: 7, dei: true, tpid: 0x88a8}]", frame("88a8 ffff 0800 45")),
        ("  push: [{id: 0, priority: 3, tpid: '9100'}, {id: 2}]", frame("9100 6000 8100 0002 0800 45")),
        ("  pop: 3\n  push: [{id: 1, tpid: 0x9300}]", frame("9300 0001 0800 45")),
    ] {
        assert_eq!(tagged(options, &plain), expected, "{options}");
    }
    // The length of an LLC frame moves behind the tag as an EtherType does.
    assert_eq!(tagged("  push: [{id: 9}]", &frame("0003 4242 03")), frame("8100 0009 0003 4242 03"));
}

#[test]
fn tags_are_taken_off_from_the_outside() {
    let three = frame("88a8 0001 9100 0002 8100 e003 0806 00");
    for (options, expected) in [
        ("  pop: 1", frame("9100 0002 8100 e003 0806 00")),
        ("  pop: 2", frame("8100 e003 0806 00")),
        ("  pop: 9", frame("0806 00")),
        ("  pop: all", frame("0806 00")),
        ("  pop: all\n  push: [{id: 5}]", frame("8100 0005 0806 00")),
        ("  pop: 2\n  change: {ids: {3: 4}}", frame("8100 e004 0806 00")),
        ("  pop: 3\n  change: {priority: 1}", frame("0806 00")),
    ] {
        assert_eq!(tagged(options, &three), expected, "{options}");
    }
}

#[test]
fn tags_are_changed_where_they_stand() {
    let two = frame("88a8 a064 8100 3005 0800 45");
    for (options, expected) in [
        ("  change: {ids: {100: 200}}", frame("88a8 a0c8 8100 3005 0800 45")),
        ("  change: {ids: {5: 6}}", two.clone()),
        ("  change: {ids: {'1-9,50-150': 6}, tags: all}", frame("88a8 a006 8100 3006 0800 45")),
        ("  change: {priority: 0, dei: true, tags: inner}", frame("88a8 a064 8100 1005 0800 45")),
        ("  change: {tpid: 0x8100, dei: false, tags: all}", frame("8100 a064 8100 2005 0800 45")),
    ] {
        assert_eq!(tagged(options, &two), expected, "{options}");
        assert_eq!(tagged(options, &frame("0800 45")), frame("0800 45"), "{options}");
    }
}

#[test]
fn cooked_captures_have_tags_in_their_protocol_field() {
    let sll = hex("0000 0001 0006 020000000001 0000");
    let sll2 = |protocol: &str| hex(&format!("{protocol} 0000 00000007 0001 00 06 020000000001 0000"));
    let push = "  push: [{id: 1, tpid: 0x88a8}, {id: 2}]";
    for (link, plain, expected) in [
        (
            LinkType::LINUX_SLL,
            [&sll[..], &hex("0800 45")].concat(),
            [&sll[..], &hex("88a8 0001 8100 0002 0800 45")].concat(),
        ),
        (
            LinkType::LINUX_SLL2,
            [sll2("0800"), hex("45")].concat(),
            [sll2("88a8"), hex("0001 8100 0002 0800 45")].concat(),
        ),
    ] {
        let pass = |options: &str, frame: &[u8]| {
            harness(options).unwrap().pass(Packets::of(link).frame(frame).build()).unwrap().remove(0)
        };
        assert_eq!(pass(push, &plain), expected);
        assert_eq!(pass("  pop: 2", &expected), plain);
        let changed = pass("  change: {ids: {1: 9, 2: 9}, tags: all}", &expected);
        assert_eq!(changed, pass("  push: [{id: 9, tpid: 0x88a8}, {id: 9}]", &plain));
    }
    // After a tag stands the length of an LLC frame, which the header of a cooked capture calls protocol 4.
    let llc =
        Packets::of(LinkType::LINUX_SLL).frame([&sll[..], &hex("8100 0001 0003 424203")].concat()).build();
    assert_eq!(harness("  pop: 1").unwrap().pass(llc).unwrap()[0], [&sll[..], &hex("0004 424203")].concat());
}

#[test]
fn captured_and_wire_length_change_together_and_ipv4_padding_stays() {
    let small = traffic::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"");
    let padded = [&small[..], &[0; 18]].concat();
    let batch = Packets::new().with(&padded, |f| f.wire = 100).with(&padded[..50], |f| f.wire = 60).build();
    let outcome = harness("  push: [{id: 1}, {id: 2}]").unwrap().give(batch).unwrap();
    let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
    let lengths: Vec<_> = batch.frames().iter().map(|f| (f.captured(), f.wire)).collect();
    assert_eq!(lengths, [(68, 108), (58, 68)]);
    assert!(outcome.items(MAIN)[0].ends_with(&padded[14..]));
}

#[test]
fn the_snapshot_length_grows_with_the_packets() {
    let mut info = CaptureInfo::of(LinkType::ETHERNET);
    info.interfaces[0].snaplen = 96;
    let info = Arc::new(info);
    let mut vlan = harness("  push: [{id: 1}, {id: 2}]").unwrap();
    let infos = [0, 1].map(|_| {
        let mut batch = Packets::new().frame(frame("0800 45")).build();
        batch.set_info(Arc::clone(&info));
        let Some(Batch::Packets(batch)) = vlan.give(batch).unwrap().take(MAIN) else { panic!("no packets") };
        Arc::clone(batch.info())
    });
    assert_eq!(infos[0].interfaces[0].snaplen, 104);
    assert!(Arc::ptr_eq(&infos[0], &infos[1]), "it is made once");
}

#[test]
fn what_has_no_tags_passes_with_one_notice() {
    let mut vlan = harness("  push: [{id: 1}]").unwrap();
    let raw = Packets::of(LinkType::RAW).frame([0x45; 20]).frame([0x45; 20]).build();
    assert_eq!(vlan.pass(raw).unwrap(), [[0x45; 20]; 2]);
    let notices: Vec<_> = vlan.notices().iter().map(|n| n.message.clone()).collect();
    assert_eq!(notices, ["packets of link type RAW have no VLAN tags and pass as they are"]);
    // Cut off before the EtherType, and a message of netlink.
    assert_eq!(tagged("  push: [{id: 1}]", &[1; 13]), [1; 13]);
    let netlink = hex("0004 0338 0000 0000000000000000 0800 00");
    let batch = Packets::of(LinkType::LINUX_SLL).frame(&netlink).build();
    let mut vlan = harness("  push: [{id: 1}]").unwrap();
    assert_eq!(vlan.pass(batch).unwrap(), [netlink]);
    assert!(vlan.notices().is_empty());
}

#[test]
fn wrong_options_are_refused_where_they_stand() {
    for (options, message) in [
        ("", "nothing to do"),
        ("  pop: 0", "pop: `0` takes nothing off; leave `pop` out"),
        ("  pop: most", "pop: `most` is not a number of tags or `all`"),
        ("  change: {}", "change: nothing to change"),
        (
            "  change: {ids: {4096: 1}}",
            "change.ids.4096: `4096` is not a VLAN id up to 4095 or a range such as `10-19`",
        ),
        (
            "  change: {ids: {9-8: 1}}",
            "change.ids.9-8: `9-8` is not a VLAN id up to 4095 or a range such as `10-19`",
        ),
        ("  change: {ids: {'1-9,5': 1}}", "change.ids.1-9,5: an id of `5` is mapped twice"),
        (
            "  push: [{id: 1, tpid: 0x0800}]",
            "push[0].tpid: `0x0800` is not one of 0x8100, 0x88a8, 0x9100, 0x9200 and 0x9300",
        ),
    ] {
        assert_eq!(harness(options).err().unwrap().to_string(), message);
    }
}

fn layers_are_true(batch: &PacketBatch) -> bool {
    batch.iter().zip(batch.layers()).all(|((frame, data), layers)| {
        *layers == Layers::decode(batch.info().link(frame.interface), data, frame.wire)
    })
}

proptest! {
    #[test]
    fn pop_takes_back_what_push_put_on(
        seed: u64,
        tags in prop::collection::vec((0u16..4096, 0u8..8, any::<bool>(), 0usize..5), 1..9),
        shared: bool,
        link in prop::sample::select(&[LinkType::ETHERNET, LinkType::LINUX_SLL, LinkType::LINUX_SLL2][..]),
    ) {
        let tpids = ["0x8100", "0x88a8", "0x9100", "0x9200", "0x9300"];
        let list: Vec<_> = tags.iter().map(|(id, priority, dei, tpid)| {
            format!("{{id: {id}, priority: {priority}, dei: {dei}, tpid: {}}}", tpids[*tpid])
        }).collect();
        let frames = [traffic::mixture(40, seed), traffic::malformed(40, seed)].concat();
        let batch = Packets::of(link).frames(&frames).build();
        let twin = shared.then(|| batch.duplicate(&sluice_testkit::pools()));
        let mut push = harness(&format!("  push: [{}]", list.join(", "))).unwrap();
        let mut pop = harness(&format!("  pop: {}", tags.len())).unwrap();
        let Some(Batch::Packets(batch)) = push.give(batch).unwrap().take(MAIN) else { panic!("no packets") };
        prop_assert!(layers_are_true(&batch));
        let Some(Batch::Packets(batch)) = pop.give(batch).unwrap().take(MAIN) else { panic!("no packets") };
        prop_assert!(layers_are_true(&batch));
        let lengths = batch.frames().iter().map(|f| f.wire as usize).eq(frames.iter().map(Vec::len));
        prop_assert!(lengths);
        let back: Vec<_> = batch.iter().map(|(_, data)| data.to_vec()).collect();
        if link == LinkType::ETHERNET {
            prop_assert_eq!(back, frames);
        } else {
            // Frames of other protocols got no tag, but may begin with some of their own.
            let same = back.iter().zip(&frames).filter(|(new, old)| new == old).count();
            prop_assert!(same >= 60, "{}", same);
        }
        drop(twin);
    }
}
