//! Ways to capture besides the ring of a packet socket, on a veth pair: what is sent arrives complete, in order and byte for
//! byte, and what does not arrive is counted.
//!
//! The pair lives in a network namespace that each test runs itself in again, and that ends with it.

use std::io;

use pnet_datalink::{Channel, Config, DataLinkSender};
use sluice::testkit::traffic;
use sluice_capture::xdp::{self, Choice, Place, Queue, Transfer};
use sluice_capture::{Direction, Facts, Interface, Portable, Receive, Received, Settings};
use sluice_core::{Flags, Frame, Pools};
use sluice_expr::bpf::{Filter, Options};
use sluice_tests::{net, until};
use sluice_wire::link::LinkType;

/// Whatever there is to capture on an interface. Programs for a packet socket are `live`.
fn settings(name: &str, filter: &str, live: bool) -> Settings {
    let filter: Filter = filter.parse().unwrap();
    let options = Options { live, ..Options::file(LinkType::ETHERNET) };
    Settings {
        interface: Some(Interface::named(name).unwrap()),
        number: 5,
        snaplen: options.snaplen,
        promiscuous: true,
        direction: Direction::Both,
        filter: filter.compile(options).unwrap(),
        hardware_time: false,
        fanout: None,
        block_size: 1 << 20,
        blocks: 8,
        retire: 100,
    }
}

const IN_DRIVER: Choice = Choice { place: Place::Driver, transfer: Transfer::Copy };
const IN_KERNEL: Choice = Choice { place: Place::Kernel, transfer: Transfer::Any };

/// A started socket of AF_XDP on the only queue of an interface.
fn queue(name: &str, choice: Choice) -> Queue {
    let mut queue = xdp::open(&settings(name, "", false), 1, choice).unwrap().remove(0);
    queue.start().unwrap();
    queue
}

fn sender(name: &str) -> Box<dyn DataLinkSender> {
    let interface = pnet_datalink::interfaces().into_iter().find(|found| found.name == name).unwrap();
    let config = Config { write_buffer_size: 65_536, ..Config::default() };
    match pnet_datalink::channel(&interface, config).unwrap() {
        Channel::Ethernet(sender, _) => sender,
        _ => unreachable!(),
    }
}

fn send(sender: &mut dyn DataLinkSender, frames: &[Vec<u8>]) {
    for frame in frames {
        sender.send_to(frame, None).unwrap().unwrap_or_else(|e| panic!("{} bytes: {e}", frame.len()));
    }
}

/// A packet as it came out.
type Packet = (Frame, Vec<u8>);

/// What there is to receive now.
fn receive(receiver: &mut dyn Receive) -> io::Result<Vec<Packet>> {
    let (pools, mut received) = (Pools::new(65_536, 1 << 20), Received::default());
    let mut packets = Vec::new();
    loop {
        receiver.receive(&pools, &mut received)?;
        if received.frames.is_empty() {
            return Ok(packets);
        }
        let mut batch = pools.packets();
        batch.fill(received.slab.clone(), std::sync::Arc::default());
        received.frames.iter().for_each(|frame| batch.push(*frame));
        packets.extend(batch.frames().iter().map(|frame| (*frame, batch.data(frame).to_vec())));
    }
}

/// So many packets.
fn packets(receiver: &mut dyn Receive, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    until(&format!("{count} packets are there"), || {
        packets.extend(receive(receiver).unwrap());
        packets.len() >= count
    });
    packets
}

/// A frame with a tag of this kind around it.
fn tagged(tpid: u16, tag: u16, frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &tpid.to_be_bytes(), &tag.to_be_bytes(), &frame[12..]].concat()
}

/// Frames of all sizes that an MTU of 1500 allows, with no tag, one and two.
fn frames() -> Vec<Vec<u8>> {
    let sized = |length: usize| traffic::ethernet(0x88B5, &Vec::from_iter((14..length).map(|at| at as u8)));
    let mut frames = traffic::mixture(60, 9);
    frames.extend((14..1514).step_by(17).chain([1514]).map(sized));
    for inner in traffic::mixture(20, 10).iter().chain([&sized(60), &sized(1506)]) {
        frames.push(tagged(0x8100, 0x6064, inner));
        frames.push(tagged(0x88A8, 300, &tagged(0x8100, 200, inner)));
        frames.push(tagged(0x8100, 100, &tagged(0x8100, 200, inner)));
    }
    frames.push(tagged(0x8100, 4094, &sized(1514)));
    frames
}

fn bytes(packets: &[Packet]) -> Vec<&[u8]> {
    packets.iter().map(|(_, bytes)| bytes.as_slice()).collect()
}

fn every_method() {
    net::veth("near", "far");
    let methods: [(&str, &dyn Fn() -> Box<dyn Receive>); 4] = [
        ("xdp in the driver", &|| Box::new(queue("far", IN_DRIVER))),
        ("xdp in the kernel", &|| Box::new(queue("far", IN_KERNEL))),
        ("xdp anywhere", &|| Box::new(queue("far", Choice::default()))),
        ("portable", &|| Box::new(Portable::open(&settings("far", "", true)).unwrap())),
    ];
    let sent = frames();
    let mut near = sender("near");
    for (name, open) in methods {
        let mut receiver = open();
        let mut got = Vec::new();
        // Few at a time, for what the wire itself holds is less.
        for part in sent.chunks(50) {
            send(&mut *near, part);
            got.extend(packets(&mut *receiver, part.len()));
        }
        assert!(bytes(&got) == sent, "{name}");
        for (frame, bytes) in &got {
            assert_eq!((frame.wire as usize, frame.interface), (bytes.len(), 5), "{name}");
            assert!(
                frame.flags.contains(Flags::INBOUND) && !frame.flags.contains(Flags::TRUNCATED),
                "{name}"
            );
        }
        assert!(got.is_sorted_by_key(|(frame, _)| frame.time), "{name}");
        assert!(got[0].0.time > 1_700_000_000_000_000_000, "{name}: {}", got[0].0.time);
        let told = receiver.statistics().unwrap();
        assert_eq!((told.packets as usize, told.drops), (sent.len(), 0), "{name}");
        assert_eq!(receiver.statistics().unwrap().packets, 0, "{name}: they are those since the last time");
    }
}

#[test]
fn every_method_gives_what_was_sent() {
    net::in_namespace("every_method_gives_what_was_sent", every_method);
}

fn long_packets() {
    net::veth("near", "far");
    for name in ["near", "far"] {
        net::ip(&format!("link set {name} mtu 9000"));
    }
    let sent: Vec<_> = [60, 3840, 3841, 4096, 7700, 9014, 61]
        .map(|length| traffic::ethernet(0x88B5, &Vec::from_iter((14..length).map(|at| (at % 251) as u8))))
        .into();
    let mut near = sender("near");
    for choice in [IN_DRIVER, IN_KERNEL] {
        let mut queue = queue("far", choice);
        send(&mut *near, &sent);
        assert!(bytes(&packets(&mut queue, sent.len())) == sent, "{choice:?}");
        let told = queue.statistics().unwrap();
        assert_eq!((told.packets as usize, told.drops), (sent.len(), 0), "{choice:?}");
    }
}

#[test]
fn packets_longer_than_a_chunk_are_put_together() {
    net::in_namespace("packets_longer_than_a_chunk_are_put_together", long_packets);
}

fn no_room() {
    net::veth("near", "far");
    let mut small = settings("far", "", false);
    (small.block_size, small.blocks) = (4096, 1);
    let sent: Vec<_> = (0..200u8).map(|number| traffic::ethernet(0x88B5, &[number; 50])).collect();
    let mut near = sender("near");
    for choice in [IN_DRIVER, IN_KERNEL] {
        let mut queue = xdp::open(&small, 1, choice).unwrap().remove(0);
        queue.start().unwrap();
        send(&mut *near, &sent);
        let mut told = queue.statistics().unwrap();
        until("all are there or lost", || {
            let more = queue.statistics().unwrap();
            told.drops += more.drops;
            told.freezes += more.freezes;
            told.drops >= 136
        });
        let got = packets(&mut queue, 64);
        assert!(bytes(&got) == sent[..64], "{choice:?}");
        assert_eq!((told.drops, told.freezes), (136, 136), "{choice:?}");
        // Then it goes on as before.
        send(&mut *near, &sent[..40]);
        assert!(bytes(&packets(&mut queue, 40)) == sent[..40], "{choice:?}");
        assert_eq!(queue.statistics().unwrap().drops, 0, "{choice:?}");
    }
}

#[test]
fn packets_for_which_there_is_no_room_are_counted() {
    net::in_namespace("packets_for_which_there_is_no_room_are_counted", no_room);
}

fn some_packets() {
    net::veth("near", "far");
    let sent = frames();
    let mut near = sender("near");
    let text = "vlan and vlan or tcp";
    let filter: Filter = text.parse().unwrap();
    let wanted = {
        let options = Options { snaplen: 80, ..Options::file(LinkType::ETHERNET) };
        let machine = sluice_expr::bpf::Machine::new(&filter.compile(options).unwrap());
        let passes = |frame: &&Vec<u8>| machine.matches(frame, frame.len() as u32);
        Vec::from_iter(sent.iter().filter(passes))
    };
    assert!((10..sent.len() - 10).contains(&wanted.len()));
    let mut settings = settings("far", text, false);
    settings.filter = filter.compile(Options { snaplen: 80, ..Options::file(LinkType::ETHERNET) }).unwrap();
    let mut queue = xdp::open(&settings, 1, IN_DRIVER).unwrap().remove(0);
    queue.start().unwrap();
    let mut got = Vec::new();
    for part in sent.chunks(50) {
        send(&mut *near, part);
        got.extend(receive(&mut queue).unwrap());
    }
    got.extend(packets(&mut queue, wanted.len() - got.len()));
    let cut: Vec<_> = wanted.iter().map(|frame| &frame[..frame.len().min(80)]).collect();
    assert!(bytes(&got) == cut);
    for ((frame, _), sent) in got.iter().zip(wanted) {
        assert_eq!(frame.wire as usize, sent.len());
        assert_eq!(frame.flags.contains(Flags::TRUNCATED), sent.len() > 80);
    }
}

#[test]
fn only_what_is_wanted_is_taken_in() {
    net::in_namespace("only_what_is_wanted_is_taken_in", some_packets);
}

fn several_queues() {
    net::ip("link add near numtxqueues 3 numrxqueues 3 type veth peer name far numtxqueues 3 numrxqueues 3");
    net::ip("link set near up arp off");
    net::ip("link set far up arp off");
    let far = Interface::named("far").unwrap();
    let told = Facts::of(&far).queues.unwrap();
    assert_eq!(told.rx + told.combined, 3, "{told:?}");
    let mut queues = xdp::open(&settings("far", "", false), 3, Choice::default()).unwrap();
    let mut host = Portable::open(&settings("far", "", true)).unwrap();
    // The last one is not started: what arrives there is for the host.
    queues.iter_mut().take(2).for_each(|queue| queue.start().unwrap());
    let at = |port: u16| ([10, 0, 0, 1], port).into();
    let sent: Vec<_> = (0..60).map(|number| traffic::udp(at(number), at(7), &[number as u8; 20])).collect();
    send(&mut *sender("near"), &sent);
    let mut parts = [const { Vec::new() }; 3];
    until("all are there", || {
        let [one, other, unserved] = &mut parts;
        one.extend(receive(&mut queues[0]).unwrap());
        other.extend(receive(&mut queues[1]).unwrap());
        unserved.extend(receive(&mut host).unwrap());
        parts.iter().map(Vec::len).sum::<usize>() >= sent.len()
    });
    assert!(parts.iter().all(|part| !part.is_empty()), "{:?}", parts.each_ref().map(Vec::len));
    for part in &parts {
        let numbers: Vec<_> = bytes(part).iter().map(|frame| frame[42]).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
    let mut all: Vec<_> = parts.iter().flat_map(|part| bytes(part)).collect();
    all.sort_by_key(|frame| frame[42]);
    assert!(all == sent);
    // A queue that is stopped leaves its packets to the host, and gives what it has.
    send(&mut *sender("near"), &sent);
    let before: usize = queues.iter_mut().map(|queue| packets(queue, 1).len()).take(2).sum();
    queues[0].stop().unwrap();
    assert!(before > 1);
}

#[test]
fn every_queue_has_a_socket_of_its_own() {
    net::in_namespace("every_queue_has_a_socket_of_its_own", several_queues);
}

fn what_cannot_be() {
    net::veth("near", "far");
    net::ip("link set lo up");
    let why = |name: &str, queues, choice| match xdp::open(&settings(name, "", false), queues, choice) {
        Ok(_) => panic!("{name} can do that"),
        Err(e) => e.to_string(),
    };
    let from_device = Choice { transfer: Transfer::Device, ..Choice::default() };
    let texts = [why("lo", 1, IN_DRIVER), why("far", 1, from_device), why("far", 9, Choice::default())];
    assert_eq!(
        texts,
        [
            "cannot attach a program for XDP to `lo`: its driver runs no programs",
            "cannot capture on queue 0 of `far`: its driver cannot put packets there without a copy",
            "cannot capture on queue 1 of `far`: there is no such queue, or its driver cannot do what was asked for",
        ]
    );
    let first = queue("far", IN_DRIVER);
    assert_eq!(why("far", 1, IN_DRIVER), "cannot capture on queue 0 of `far`: another socket has it");
    drop(first);
    queue("far", IN_DRIVER);
}

#[test]
fn what_an_interface_cannot_do_is_told() {
    net::in_namespace("what_an_interface_cannot_do_is_told", what_cannot_be);
}

fn gone() {
    for choice in [IN_DRIVER, IN_KERNEL] {
        net::veth("near", "far");
        let mut queue = queue("far", choice);
        net::ip("link del near");
        until("it is told", || match receive(&mut queue) {
            Ok(got) => {
                assert!(got.is_empty());
                false
            }
            Err(e) => {
                assert_eq!(e.kind(), io::ErrorKind::NetworkDown, "{e}");
                true
            }
        });
        // From here on there is nothing any more.
        assert!(receive(&mut queue).unwrap().is_empty());
        queue.statistics().unwrap();
        queue.stop().unwrap();
    }
}

#[test]
fn an_interface_that_goes_away_is_told() {
    net::in_namespace("an_interface_that_goes_away_is_told", gone);
}

fn without_a_socket() {
    net::veth("near", "far");
    let mut plain = Portable::open_plain(&settings("far", "", true)).unwrap();
    assert!(plain.fd().is_none());
    let sent = traffic::mixture(100, 11);
    send(&mut *sender("near"), &sent);
    // On Linux it does not see the outer tags that the kernel takes off.
    let mut got = packets(&mut plain, sent.len());
    got.retain(|(_, bytes)| sent.contains(bytes));
    let untagged: Vec<_> =
        sent.iter().filter(|frame| ![[0x81, 0], [0x88, 0xA8]].contains(&[frame[12], frame[13]])).collect();
    assert!(bytes(&got) == untagged && untagged.len() > 50);
    assert_eq!(plain.statistics().unwrap().packets as usize, sent.len());
}

#[test]
fn pnet_alone_gives_what_it_can() {
    net::in_namespace("pnet_alone_gives_what_it_can", without_a_socket);
}
