//! The filter `rewrite` on any frame. The first byte chooses the options, the second the link type.
//!
//! After it, the layers are those that decoding again gives, and what had a right checksum has one. Ports and the address of
//! an Ethernet frame behind MPLS decide what follows them, so a change of those may make other headers of the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_core::{Batch, Layers, MAIN, Registry};
use sluice_filter_packet as _;
use sluice_testkit::{Harness, Packets};
use sluice_wire::link::LinkType;
use sluice_wire::verify::{self, Offload, Verdict};

const OPTIONS: [&str; 4] = [
    "addresses: {10.0.0.0/8: 172.16.0.0/12, \"2001:db8::/32\": \"fd00::/32\"}",
    "ports: {1-65535: 4000}, ttl_add: -1",
    "randomize: {seed: 7}, randomize_macs: {seed: 7}, tcp_sequence_seed: 7",
    "source_mac: '02:00:00:00:00:01', destination_mac: '02:00:00:00:00:02', ttl: 9, addresses: {0.0.0.0/0: 192.0.2.0/24}",
];

const LINKS: [LinkType; 8] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::PPP,
    LinkType::HDLC,
];

thread_local! {
    static STAGES: Vec<std::cell::RefCell<Harness>> = {
        let registry = Registry::collect().expect("no component is there twice");
        let stage = |options: &&str| {
            let yaml = format!("- {{filter: rewrite, {options}}}");
            Harness::from_yaml(&registry, &yaml).map(Into::into).unwrap_or_else(|e| panic!("{options}: {e}"))
        };
        OPTIONS.iter().map(stage).collect()
    };
}

fn verdicts(frame: &[u8], layers: &Layers) -> Vec<[Verdict; 2]> {
    let all = verify::check_all(frame, layers, frame.len() as u32, Offload::None);
    all.map(|(_, verdicts)| [verdicts.network, verdicts.transport]).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some(([option, link], frame)) = data.split_first_chunk() else { return };
    if frame.len() > 4096 {
        return;
    }
    let link = LINKS[usize::from(*link) % LINKS.len()];
    STAGES.with(|stages| {
        let mut stage = stages[usize::from(*option) % stages.len()].borrow_mut();
        let found = Layers::decode(link, frame, frame.len() as u32);
        let before = verdicts(frame, &found);
        let outcome = stage.give(Packets::of(link).frame(frame).build()).expect("bad packets are no failure");
        let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("the packet is gone") };
        let (frame, data) = batch.iter().next().expect("the packet is gone");
        let again = Layers::decode_to(link, data, frame.wire, batch.tunnels());
        assert_eq!(batch.layers(), [again]);
        if !again.headers().eq(found.headers()) {
            return;
        }
        let after = verdicts(data, &again);
        for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
            assert!(*before != Verdict::Good || *after != Verdict::Bad, "a checksum broke");
        }
    });
});
