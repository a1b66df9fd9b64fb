//! The kernel runs our filter programs: it takes those that we call attachable, and what passes a socket on a veth pair is
//! what our interpreter selects, VLAN tags that the kernel takes off among it.
//!
//! The pair lives in a network namespace that this test runs itself in again, and that ends with it.

use std::fs;
use std::os::fd::IntoRawFd;
use std::time::Duration;

use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender, NetworkInterface};
use sluice::testkit::Random;
use sluice::testkit::traffic::{self, tagged};
use sluice_expr::bpf::{Ancillary, Filter, Insn, Machine, Options, Program, Verdict};
use sluice_tests::{net, root};
use sluice_wire::link::LinkType;
use socket2::{Domain, SockFilter, Socket, Type};

fn compile(text: &str, live: bool) -> Option<Program> {
    let filter: Filter = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    filter.compile(Options { live, ..Options::file(LinkType::ETHERNET) }).ok()
}

fn attach(socket: &Socket, program: &Program) -> std::io::Result<()> {
    let insns = program.insns().iter().map(|insn| SockFilter::new(insn.code, insn.jt, insn.jf, insn.k));
    socket.attach_filter(&Vec::from_iter(insns))
}

/// Whether the kernel takes a program, which it tells on any socket; `None` where it has no memory for it.
fn is_taken(program: &Program) -> Option<bool> {
    const NO_MEMORY: i32 = 12;
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
    match attach(&socket, program) {
        Ok(()) => Some(true),
        Err(e) if e.raw_os_error() == Some(NO_MEMORY) => None,
        Err(e) => {
            assert_eq!(e.kind(), std::io::ErrorKind::InvalidInput);
            Some(false)
        }
    }
}

#[test]
fn the_kernel_takes_the_programs_of_the_table() {
    let table = fs::read_to_string(root().join("tests/bpf/expressions.txt")).unwrap();
    let mut taken = [0, 0];
    for text in table.lines().filter(|line| !line.starts_with('#')) {
        for live in [false, true] {
            let Some(program) = compile(text, live) else { continue };
            let Some(is_taken) = is_taken(&program) else { continue };
            assert_eq!(program.is_attachable(), is_taken, "{text}\n{program}");
            assert!(is_taken || text.contains("protochain"), "{text}\n{program}");
            taken[usize::from(live)] += u32::from(is_taken);
        }
    }
    assert!(taken.iter().all(|taken| *taken > 200), "{taken:?}");
}

/// Instructions of which many make a program.
fn insns(random: &mut Random) -> Vec<Insn> {
    const CODES: [u16; 54] = [
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0C, 0x0D, 0x14, 0x15, 0x16, 0x1C, 0x1D, 0x20, 0x24,
        0x25, 0x28, 0x2C, 0x2D, 0x30, 0x34, 0x35, 0x3C, 0x3D, 0x40, 0x44, 0x45, 0x48, 0x4C, 0x4D, 0x50, 0x54,
        0x5C, 0x60, 0x61, 0x64, 0x6C, 0x74, 0x7C, 0x80, 0x81, 0x84, 0x87, 0x8C, 0x94, 0x9C, 0xA4, 0xAC, 0xB1,
        0x0E, 0x55, 0x21,
    ];
    let count = 1 + random.below(8);
    let mut insns: Vec<_> = (0..count)
        .map(|_| Insn {
            code: CODES[random.below(CODES.len())],
            jt: random.below(3) as u8,
            jf: random.below(3) as u8,
            k: match random.below(4) {
                0 => 0xFFFF_F000 + random.below(68) as u32,
                1 => random.below(40) as u32,
                _ => random.below(4) as u32,
            },
        })
        .collect();
    insns.push(Insn::new(6, 1));
    insns
}

#[test]
fn the_kernel_takes_what_is_called_attachable_and_nothing_else() {
    let mut random = Random::new(4);
    let mut seen = [0, 0];
    for _ in 0..20_000 {
        let insns = insns(&mut random);
        let Ok(program) = Program::new(insns) else { continue };
        let Some(is_taken) = is_taken(&program) else { continue };
        assert_eq!(program.is_attachable(), is_taken, "{program}");
        seen[usize::from(is_taken)] += 1;
    }
    assert!(seen.iter().all(|seen| *seen > 500), "{seen:?}");
}

#[test]
fn a_refused_program_is_refused_by_the_kernel_too() {
    // The other way round: what is no program here is none there. Jumps back are, here.
    let mut random = Random::new(5);
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
    let mut seen = 0;
    for _ in 0..20_000 {
        let insns = insns(&mut random);
        if Program::new(insns.clone()).is_err() {
            let insns = insns.iter().map(|insn| SockFilter::new(insn.code, insn.jt, insn.jf, insn.k));
            assert!(socket.attach_filter(&Vec::from_iter(insns.clone())).is_err(), "{insns:?}");
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

/// Filters, and whether one selects the same from a file, where every tag is in the frame. Without `vlan` it does not, for
/// behind a tag it looks for nothing there.
const FILTERS: [(&str, bool); 35] = [
    ("tcp", false),
    ("udp port 53 or icmp", false),
    ("arp", false),
    ("ip6 and udp", false),
    ("net 10.1.0.0/16 and not tcp", false),
    ("tcp[tcpflags] & tcp-ack != 0 and port 443", false),
    ("ip[8] = 64 and ip[9] != 6", false),
    ("ether src 02:00:00:00:00:01 and ether broadcast", false),
    ("ether multicast", false),
    ("less 100", false),
    ("len > 120 and not ip", false),
    ("llc", false),
    ("mpls", false),
    ("mpls and mpls and net 10", false),
    ("udp port 4789 and vxlan", false),
    ("geneve", false),
    ("not tcp port 443", false),
    ("ip[100] = 0 or udp", false),
    ("vlan", true),
    ("not vlan", true),
    ("vlan 100", true),
    ("vlan 0", true),
    ("vlan 300", true),
    ("vlan 100 and tcp", true),
    ("vlan and udp port 53", true),
    ("vlan and (arp or icmp)", true),
    ("vlan and ip6", true),
    ("vlan and vlan", true),
    ("vlan 100 and vlan 200", true),
    ("vlan 100 and vlan 200 and udp", true),
    ("vlan 100 or vlan 200", true),
    ("vlan 4 and vlan 5 and vlan 6", true),
    ("vlan and ip[9] = 17 and ip[2:2] > 60", true),
    ("tcp or vlan 100", false),
    ("vlan 100 and mpls and mpls and tcp", true),
];

/// Two ends and what both send and receive.
struct Pair {
    sender: Box<dyn DataLinkSender>,
    far: NetworkInterface,
    /// A socket without a filter: when it has a packet, all others have those before it.
    all: Box<dyn DataLinkReceiver>,
}

/// Opens an interface with a socket of our own, so that a filter is on it before it gets anything.
fn open(
    interface: &NetworkInterface,
    filter: Option<&Program>,
    patience: Duration,
) -> (Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>) {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None).unwrap();
    if let Some(program) = filter {
        attach(&socket, program).unwrap_or_else(|e| panic!("{e}\n{program}"));
    }
    let config =
        Config { socket_fd: Some(socket.into_raw_fd()), read_timeout: Some(patience), ..Config::default() };
    match pnet_datalink::channel(interface, config).unwrap() {
        Channel::Ethernet(sender, receiver) => (sender, receiver),
        _ => unreachable!(),
    }
}

impl Pair {
    fn new() -> Self {
        net::veth("near", "far");
        let named =
            |name: &str| pnet_datalink::interfaces().into_iter().find(|found| found.name == name).unwrap();
        let far = named("far");
        let (sender, _) = open(&named("near"), None, Duration::ZERO);
        let (_, all) = open(&far, None, Duration::from_secs(20));
        Self { sender, far, all }
    }

    /// Sends these frames, and waits until every socket has got what it gets of them.
    fn send(&mut self, frames: &[Vec<u8>]) {
        let last = traffic::ethernet(0x88B5, b"that was all of them");
        for frame in frames.iter().chain([&last]) {
            self.sender.send_to(frame, None).unwrap().unwrap();
        }
        while self.all.next().unwrap() != last {}
    }

    /// What the kernel tells of a frame, and what it leaves of it.
    fn taken(&self, frame: &[u8]) -> (Ancillary, Vec<u8>) {
        let packet_type = match frame[..6] {
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] => 1,
            [first, ..] if first & 1 == 1 => 2,
            _ => 3,
        };
        let half = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let vlan = [0x8100, 0x88A8].contains(&half(12)).then(|| (half(14), half(12)));
        let end = if vlan.is_some() { 16 } else { 12 };
        (Ancillary { packet_type, interface: self.far.index, vlan }, [&frame[..12], &frame[end..]].concat())
    }
}

/// Frames with no tag, one, two and three of several kinds. Each ends in its number, by which it is told from the others.
fn frames() -> Vec<Vec<u8>> {
    let inner = traffic::mixture(60, 4);
    let mut frames = traffic::mixture(150, 5);
    for (at, frame) in inner.iter().enumerate() {
        frames.push(match at % 10 {
            0 => tagged(0x8100, 100, frame),
            1 => tagged(0x8100, 0x6000 | 100, frame),
            2 => tagged(0x88A8, 100, &tagged(0x8100, 200, frame)),
            3 => tagged(0x8100, 100, &tagged(0x8100, 200, frame)),
            4 => tagged(0x88A8, 300, frame),
            5 => tagged(0x8100, 0xE000, frame),
            // The kernel does not know this kind, and leaves it where it is.
            6 => tagged(0x9100, 100, &tagged(0x8100, 200, frame)),
            7 => tagged(0x88A8, 4, &tagged(0x88A8, 5, &tagged(0x8100, 6, frame))),
            8 => tagged(
                0x8100,
                100,
                &traffic::labelled(&traffic::tcp(
                    ([10, 1, 0, 7], 80).into(),
                    ([10, 1, 0, 8], 443).into(),
                    2,
                    &[at as u8; 9],
                )),
            ),
            _ => tagged(0x8100, 200, &tagged(0x8100, 100, frame)),
        });
    }
    for payload in
        [&[0xFE, 0xFE, 3, 0x83][..], &[0x42, 0x42, 3, 0, 0, 0], &[0xAA, 0xAA, 3, 0, 0, 0, 8, 0, 0x45]]
    {
        frames.push(traffic::ethernet(payload.len() as u16, payload));
    }
    for first in [0xFF, 1] {
        let mut frame = traffic::arp([10, 0, 0, 1], [10, 0, 0, 2]);
        frame[..6].fill(first);
        frames.push(frame);
    }
    // Too short for most of what is asked.
    let whole = traffic::tcp(([10, 1, 0, 7], 80).into(), ([10, 1, 0, 8], 443).into(), 16, b"");
    frames.extend((14..whole.len()).step_by(3).map(|end| whole[..end].to_vec()));
    for (number, frame) in frames.iter_mut().enumerate() {
        frame.extend((number as u32).to_be_bytes());
    }
    frames
}

/// The numbers of the frames that a socket has got.
fn received(receiver: &mut dyn DataLinkReceiver, sent: &[Vec<u8>]) -> Vec<usize> {
    let mut numbers = Vec::new();
    while let Ok(frame) = receiver.next() {
        let number = frame.last_chunk().map_or(0, |last| u32::from_be_bytes(*last)) as usize;
        if sent.get(number).is_some_and(|sent| sent == frame) {
            numbers.push(number);
        }
    }
    numbers
}

fn in_the_namespace() {
    let mut pair = Pair::new();
    let index = format!("ifindex {}", pair.far.index);
    let mut filters: Vec<(&str, bool)> = FILTERS.to_vec();
    filters.extend([(index.as_str(), false), ("inbound and vlan", false), ("outbound", false)]);
    let frames = frames();
    let taken: Vec<_> = frames.iter().map(|frame| pair.taken(frame)).collect();
    let left: Vec<_> = taken.iter().map(|(_, frame)| frame.clone()).collect();
    let programs: Vec<_> = filters.iter().map(|(text, _)| compile(text, true).unwrap()).collect();
    let mut sockets: Vec<_> =
        programs.iter().map(|program| open(&pair.far, Some(program), Duration::ZERO).1).collect();
    let mut got = vec![Vec::new(); sockets.len()];
    // Few at a time, for a socket keeps no more than its buffer has room for.
    for part in frames.chunks(50) {
        pair.send(part);
        for (socket, got) in sockets.iter_mut().zip(&mut got) {
            got.extend(received(&mut **socket, &left));
        }
    }
    for (((text, as_file), program), got) in filters.iter().zip(&programs).zip(&got) {
        let selected = |program: &Program, is_selected: &dyn Fn(&Machine, usize) -> bool| {
            let machine = Machine::new(program);
            Vec::from_iter((0..frames.len()).filter(|number| is_selected(&machine, *number)))
        };
        let live = selected(program, &|machine, number| {
            let (told, frame) = &taken[number];
            matches!(machine.run_live(frame, frame.len() as u32, told), Verdict::Accept(_))
        });
        assert_eq!(got, &live, "{text}\n{program}");
        assert!(
            ["outbound", &index].contains(text) || (!got.is_empty() && got.len() < frames.len()),
            "{text}: {got:?}"
        );
        println!("{text}: {} of {}", got.len(), frames.len());
        if *as_file {
            let file = compile(text, false).unwrap();
            let all = selected(&file, &|machine, number| {
                machine.matches(&frames[number], frames[number].len() as u32)
            });
            assert_eq!(got, &all, "{text}, from a file\n{file}");
        }
    }
}

#[test]
fn a_socket_gets_what_the_interpreter_selects() {
    net::in_namespace("a_socket_gets_what_the_interpreter_selects", in_the_namespace);
}
