//! Ways to capture besides the ring of a packet socket, on a veth pair: what is sent arrives complete, in order and byte for
//! byte, and what does not arrive is counted.
//!
//! The pair lives in a network namespace that each test runs itself in again, and that ends with it.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::process::{Child, Command};
use std::time::Duration;

use pnet_datalink::DataLinkSender;
use rustix::process::{Pid, Signal, kill_process};
use sluice::testkit::traffic::{self, tagged};
use sluice_capture::xdp::{Choice, Place, Queue, Transfer, Way};
use sluice_capture::{Direction, Facts, Interface, Portable, Receive, Received, Settings};
use sluice_core::{Flags, Frame, Pools};
use sluice_expr::bpf::{Filter, Options};
use sluice_tests::{Folder, net, until, wait};
use sluice_wire::link::LinkType;

/// Whatever there is to capture on an interface.
fn settings(name: &str) -> Settings {
    let options = Options { live: true, ..Options::file(LinkType::ETHERNET) };
    Settings {
        interface: Some(Interface::named(name).unwrap()),
        number: 5,
        snaplen: options.snaplen,
        promiscuous: true,
        direction: Direction::Both,
        filter: "".parse::<Filter>().unwrap().compile(options).unwrap(),
        hardware_time: false,
        fanout: None,
        block_size: 1 << 20,
        blocks: 8,
        retire: 100,
    }
}

const NATIVE: Choice = Choice { place: Place::Driver, transfer: Transfer::Copy };
const GENERIC: Choice = Choice { place: Place::Kernel, transfer: Transfer::Any };

/// Sockets of AF_XDP on this many queues of the interface in the settings.
fn queues(settings: &Settings, count: u32, choice: Choice) -> Result<Vec<Queue>, sluice_core::Error> {
    let way = Way::new(settings.interface.as_ref().unwrap(), count, choice)?;
    let queues = (0..count).map(|queue| way.queue(queue, settings)).collect::<Result<_, _>>()?;
    way.open(true)?;
    Ok(queues)
}

/// The socket of the only queue of `far`.
fn queue(choice: Choice) -> Queue {
    queues(&settings("far"), 1, choice).unwrap().remove(0)
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

/// A run of a pipeline that captures into a file, in a folder of its own.
struct Run {
    folder: Folder,
    child: Child,
}

impl Run {
    /// Begins to capture with these options, and waits until it does.
    fn new(options: &str, execution: &str) -> Self {
        let folder = Folder::new();
        let command = folder.command(&["run", "p.yaml", "--control", "socket"]);
        Self::with(folder, command, options, execution)
    }

    fn with(folder: Folder, mut command: Command, options: &str, execution: &str) -> Self {
        folder.write(
            "p.yaml",
            format!(
                "version: 1\n\
                 {execution}\
                 stages:\n\
                 - {{source: capture, {options}}}\n\
                 - {{sink: pcap_file, path: out.pcap}}\n"
            ),
        );
        let create = |name| std::fs::File::create(folder.path(name)).unwrap();
        command.current_dir(folder.root()).stdout(create(".out1")).stderr(create(".out2"));
        let mut child = command.spawn().unwrap();
        until("it captures", || {
            let status = child.try_wait().unwrap();
            assert!(status.is_none(), "{options}: {}", String::from_utf8_lossy(&folder.read(".out2")));
            folder.sluice(&["status", "--control", "socket"]).code == 0
        });
        Self { folder, child }
    }

    /// The packets that are in the file so far.
    fn packets(&self) -> Vec<Vec<u8>> {
        let file = std::fs::read(self.folder.path("out.pcap.part")).unwrap_or_default();
        if file.len() < 24 { Vec::new() } else { sluice_tests::packets(&file) }
    }

    /// Sends these few at a time, as what the wire itself holds is less, and waits until all have come.
    fn send(&self, frames: &[Vec<u8>]) {
        let mut near = net::sender("near");
        let mut count = self.packets().len();
        for part in frames.chunks(50) {
            send(&mut *near, part);
            count += part.len();
            until(&format!("{count} packets have come"), || self.packets().len() >= count);
        }
    }

    /// Stops it; what it captured, and what it told.
    fn stop(mut self) -> (Vec<Vec<u8>>, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = wait(&mut self.child);
        let told = String::from_utf8(self.folder.read(".out2")).unwrap();
        assert_eq!(status.code(), Some(0), "{told}");
        (sluice_tests::packets(&self.folder.read("out.pcap")), told)
    }
}

const METHODS: [&str; 6] = [
    "method: xdp, xdp: {program: native, transfer: copy}",
    "method: xdp, xdp: {program: generic}",
    "method: xdp",
    "method: portable",
    "method: ring",
    "method: auto",
];

fn every_method() {
    net::veth("near", "far");
    let sent = frames();
    for method in METHODS {
        let run = Run::new(&format!("interface: far, {method}"), "");
        run.send(&sent);
        let (got, told) = run.stop();
        assert!(got == sent, "{method}");
        let warns = told.contains("XDP does not see VLAN tags that were taken off packets");
        assert_eq!(warns, method.contains("xdp"), "{told}");
        assert!(!told.contains("portable"), "{told}");
    }
}

#[test]
fn every_method_gives_what_was_sent() {
    net::in_namespace("every_method_gives_what_was_sent", every_method);
}

fn quiet() {
    net::veth("near", "far");
    for method in METHODS {
        let (got, _) = Run::new(&format!("interface: far, {method}"), "").stop();
        assert!(got.is_empty(), "{method}");
    }
}

#[test]
fn it_stops_on_a_quiet_wire() {
    net::in_namespace("it_stops_on_a_quiet_wire", quiet);
}

fn wanted() {
    net::veth("near", "far");
    let sent = frames();
    let text = "vlan and vlan or tcp";
    let filter: Filter = text.parse().unwrap();
    let options = Options { snaplen: 80, ..Options::file(LinkType::ETHERNET) };
    let machine = sluice_expr::bpf::Machine::new(&filter.compile(options).unwrap());
    let passes = |frame: &&Vec<u8>| machine.matches(frame, frame.len() as u32);
    let wanted: Vec<_> = sent.iter().filter(passes).map(|frame| &frame[..frame.len().min(80)]).collect();
    assert!((20..sent.len() - 20).contains(&wanted.len()));
    for method in METHODS {
        let run = Run::new(&format!("interface: far, {method}, snaplen: 80, bpf: {text}"), "");
        let mut near = net::sender("near");
        for part in sent.chunks(50) {
            send(&mut *near, part);
            std::thread::sleep(Duration::from_millis(20));
        }
        until("all have come", || run.packets().len() >= wanted.len());
        let (got, _) = run.stop();
        assert!(got == wanted, "{method}: {} of {}", got.len(), wanted.len());
    }
}

#[test]
fn only_what_is_wanted_is_taken_in() {
    net::in_namespace("only_what_is_wanted_is_taken_in", wanted);
}

/// Datagrams of as many flows, each with its number.
fn flows() -> Vec<Vec<u8>> {
    let at = |port: u16| ([10, 0, 0, 1], port).into();
    (0..60).map(|number| traffic::udp(at(number), at(7), &[number as u8; 20])).collect()
}

/// Flows in the order of their numbers, from as many queues.
fn sorted(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    frames.sort_by_key(|frame| frame[42]);
    frames
}

fn all_queues() {
    net::veth_with("near", "far", "numtxqueues 3 numrxqueues 3");
    for execution in
        ["", "execution: {mode: sharded, shards: 2}\n", "execution: {mode: sharded, shards: 5}\n"]
    {
        let run = Run::new("interface: far, method: xdp, fanout: {mode: queue}", execution);
        run.send(&flows());
        assert!(sorted(run.stop().0) == flows(), "{execution}");
    }
}

#[test]
fn all_queues_are_captured_by_one_or_by_shards() {
    net::in_namespace("all_queues_are_captured_by_one_or_by_shards", all_queues);
}

/// Whether a program is on an interface.
fn has_program(name: &str) -> bool {
    let told = Command::new("ip").args(["-d", "link", "show", name]).output().unwrap();
    String::from_utf8_lossy(&told.stdout).contains("prog/xdp")
}

fn killed() {
    net::veth("near", "far");
    for method in ["method: xdp", "method: xdp, xdp: {program: generic}"] {
        let mut run = Run::new(&format!("interface: far, {method}"), "");
        assert!(has_program("far"));
        run.child.kill().unwrap();
        wait(&mut run.child);
        until("the program is gone", || !has_program("far"));
        // The next run finds the interface as it was.
        let run = Run::new(&format!("interface: far, {method}"), "");
        run.send(&flows());
        assert!(run.stop().0 == flows());
        until("the program is gone", || !has_program("far"));
    }
}

#[test]
fn the_program_goes_with_the_process() {
    net::in_namespace("the_program_goes_with_the_process", killed);
}

fn fallen_back() {
    net::veth("near", "far");
    // Too little memory for the ring, which is mapped, but not for what pnet needs.
    let folder = Folder::new();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 200000; exec \"$0\" run p.yaml --control socket"]);
    command.arg(sluice_tests::binary());
    let run = Run::with(folder, command, "interface: far, blocks: 300", "");
    let sent = frames();
    run.send(&sent);
    let (got, told) = run.stop();
    assert!(got == sent);
    let why = "cannot make a ring to capture on `far`: cannot allocate memory";
    assert!(told.contains(&format!("{why}; the slower `method: portable` is used instead")), "{told}");
}

#[test]
fn without_memory_for_a_ring_it_falls_back_and_tells_why() {
    net::in_namespace("without_memory_for_a_ring_it_falls_back_and_tells_why", fallen_back);
}

/// How many packets an interface has dropped that it was to send: the other end had no room for them.
fn dropped_on_the_wire(name: &str) -> u64 {
    let told = Command::new("ip").args(["-s", "-j", "link", "show", name]).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    told[0]["stats64"]["tx"]["dropped"].as_u64().unwrap()
}

fn slow_sink() {
    net::veth("near", "far");
    let sent: Vec<_> = (0..3000u16)
        .map(|number| traffic::ethernet(0x88B5, &[number.to_be_bytes(), [7, 7]].concat().repeat(250)))
        .collect();
    for method in METHODS {
        let lost_before = dropped_on_the_wire("near");
        let folder = Folder::new();
        let fifo = folder.path("out.pcap");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        // It is open for reading, and nobody reads.
        let stuck = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let command = folder.command(&["run", "p.yaml", "--control", "socket", "--summary", "json"]);
        let options = format!("interface: far, {method}, blocks: 2, block_size: 64KiB");
        let mut run = Run::with(folder, command, &options, "execution: {memory: 256KiB}\n");
        let mut near = net::sender("near");
        for part in sent.chunks(50) {
            send(&mut *near, part);
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut reader = std::fs::File::open(&fifo).unwrap();
        drop(stuck);
        kill_process(Pid::from_child(&run.child), Signal::INT).unwrap();
        let mut file = Vec::new();
        reader.read_to_end(&mut file).unwrap();
        assert_eq!(wait(&mut run.child).code(), Some(0), "{method}");
        let got = sluice_tests::packets(&file);
        let mut rest = sent.iter();
        assert!(got.iter().all(|frame| rest.any(|sent| sent == frame)), "{method}: out of order");
        let summary: serde_json::Value = serde_json::from_slice(&run.folder.read(".out1")).unwrap();
        let told = String::from_utf8(run.folder.read(".out2")).unwrap();
        let dropped = summary["stages"][0]["dropped"]["kernel_full"].as_u64().unwrap();
        let on_the_wire = dropped_on_the_wire("near") - lost_before;
        assert!(dropped > 500, "{method}: {dropped}");
        assert_eq!(got.len() as u64 + dropped + on_the_wire, 3000, "{method}: {on_the_wire} on the wire");
        assert!(told.contains("the kernel drops packets of `far`"), "{method}: {told}");
    }
}

#[test]
fn what_a_slow_sink_leaves_is_counted_to_the_last_packet() {
    net::in_namespace("what_a_slow_sink_leaves_is_counted_to_the_last_packet", slow_sink);
}

fn long_packets() {
    net::veth("near", "far");
    for name in ["near", "far"] {
        net::ip(&format!("link set {name} mtu 9000"));
    }
    let sent: Vec<_> = [60, 3840, 3841, 4096, 7700, 9014, 61]
        .map(|length| traffic::ethernet(0x88B5, &Vec::from_iter((14..length).map(|at| (at % 251) as u8))))
        .into();
    let mut near = net::sender("near");
    for choice in [NATIVE, GENERIC] {
        let mut queue = queue(choice);
        send(&mut *near, &sent);
        let got = packets(&mut queue, sent.len());
        assert!(bytes(&got) == sent, "{choice:?}");
        for (frame, bytes) in &got {
            assert_eq!((frame.wire as usize, frame.interface), (bytes.len(), 5), "{choice:?}");
            assert!(frame.flags.contains(Flags::INBOUND) && !frame.flags.contains(Flags::TRUNCATED));
            assert!(frame.time > 1_700_000_000_000_000_000, "{choice:?}: {}", frame.time);
        }
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
    let mut small = settings("far");
    (small.block_size, small.blocks) = (4096, 1);
    let sent: Vec<_> = (0..200u8).map(|number| traffic::ethernet(0x88B5, &[number; 50])).collect();
    let mut near = net::sender("near");
    for choice in [NATIVE, GENERIC] {
        let mut queue = queues(&small, 1, choice).unwrap().remove(0);
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

fn several_queues() {
    net::veth_with("near", "far", "numtxqueues 3 numrxqueues 3");
    let far = settings("far");
    let told = Facts::of(far.interface.as_ref().unwrap()).queues.unwrap();
    assert_eq!(told.rx + told.combined, 3, "{told:?}");
    let mut host = Portable::open(&far).unwrap();
    let way = Way::new(far.interface.as_ref().unwrap(), 3, Choice::default()).unwrap();
    // The last one has no socket: what arrives there is for the host.
    let mut queues = [0, 1].map(|queue| way.queue(queue, &far).unwrap());
    way.open(true).unwrap();
    drop(way);
    let sent = flows();
    let gather = |queues: &mut [Queue; 2], host: &mut Portable| {
        let mut parts = [const { Vec::new() }; 3];
        until("all are there", || {
            let [one, other, unserved] = &mut parts;
            one.extend(receive(&mut queues[0]).unwrap());
            other.extend(receive(&mut queues[1]).unwrap());
            unserved.extend(receive(host).unwrap());
            parts.iter().map(Vec::len).sum::<usize>() >= sent.len()
        });
        let parts = parts.map(|part| Vec::from_iter(part.into_iter().map(|(_, bytes)| bytes)));
        for part in &parts {
            assert!(part.is_sorted_by_key(|frame| frame[42]));
        }
        assert!(sorted(parts.concat()) == sent);
        parts.map(|part| part.len())
    };
    send(&mut *net::sender("near"), &sent);
    let before = gather(&mut queues, &mut host);
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    // A queue that is stopped leaves its packets to the host.
    queues[0].stop().unwrap();
    send(&mut *net::sender("near"), &sent);
    assert_eq!(gather(&mut queues, &mut host), [0, before[1], before[0] + before[2]]);
    assert!(has_program("far"));
    queues[1].stop().unwrap();
    until("the program is gone", || !has_program("far"));
}

#[test]
fn every_queue_has_a_socket_of_its_own() {
    net::in_namespace("every_queue_has_a_socket_of_its_own", several_queues);
}

fn what_cannot_be() {
    net::veth("near", "far");
    net::ip("link set lo up");
    let why = |name: &str, count, choice| match queues(&settings(name), count, choice) {
        Ok(_) => panic!("{name} can do that"),
        Err(e) => e.to_string(),
    };
    let from_device = Choice { transfer: Transfer::Device, ..Choice::default() };
    assert_eq!(
        [why("lo", 1, NATIVE), why("far", 1, from_device), why("far", 9, Choice::default())],
        [
            "cannot attach a program for XDP to `lo`: its driver runs no programs",
            "cannot capture on queue 0 of `far`: its driver cannot put packets there without a copy",
            "cannot capture on queue 1 of `far`: there is no such queue, or its driver cannot do what was asked for",
        ]
    );
    let first = queue(NATIVE);
    assert_eq!(why("far", 1, NATIVE), "cannot capture on queue 0 of `far`: another socket has it");
    drop(first);
    queue(NATIVE);
}

#[test]
fn what_an_interface_cannot_do_is_told() {
    net::in_namespace("what_an_interface_cannot_do_is_told", what_cannot_be);
}

fn gone() {
    for method in METHODS {
        net::veth("near", "far");
        let mut run = Run::new(&format!("interface: far, {method}"), "");
        run.send(&flows());
        net::ip("link del near");
        assert_eq!(wait(&mut run.child).code(), Some(65), "{method}");
        assert!(sluice_tests::packets(&run.folder.read("out.pcap")) == flows(), "{method}");
        let told = String::from_utf8(run.folder.read(".out2")).unwrap();
        assert!(told.contains("`far` is gone; what came before was captured"), "{method}: {told}");
    }
    for choice in [NATIVE, GENERIC] {
        net::veth("near", "far");
        let mut queue = queue(choice);
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
    let mut plain = Portable::open_plain(&settings("far")).unwrap();
    assert!(plain.fd().is_none());
    let sent = traffic::mixture(100, 11);
    send(&mut *net::sender("near"), &sent);
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
