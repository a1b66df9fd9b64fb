//! Writes the seeds of all targets: good and damaged frames of every kind, and small captures of them.
//!
//!     seeds FOLDER

use std::path::Path;
use std::{env, fs, io};

use sluice_expr::bpf::{Filter, Insn, Options};
use sluice_expr::{expr, fields};
use sluice_testkit::traffic;
use sluice_wire::link::LinkType;

mod texts;

fn put(folder: &Path, target: &str, name: String, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder.join(target))?;
    fs::write(folder.join(target).join(name), bytes)
}

/// A pcap file of these frames, in either byte order.
fn pcap(frames: &[Vec<u8>], big_endian: bool) -> Vec<u8> {
    let word = |n: u32| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
    let mut file: Vec<u8> = [0xa1b2_c3d4, version, 0, 0, 65_535, 1].into_iter().flat_map(word).collect();
    for (frame, at) in frames.iter().zip(0u32..) {
        file.extend([1_700_000_000, at, frame.len() as u32, frame.len() as u32].into_iter().flat_map(word));
        file.extend(frame);
    }
    file
}

/// A pcapng file of these frames: a section, an interface, enhanced and simple packet blocks.
fn pcapng(frames: &[Vec<u8>], big_endian: bool) -> Vec<u8> {
    let word = |n: u32| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let short = |n: u16| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = word(12 + padded as u32);
        let padding = vec![0; padded - body.len()];
        [&word(kind)[..], &length, body, &padding, &length].concat()
    };
    let section = [&word(0x1a2b_3c4d)[..], &short(1), &short(0), &[0xff; 8]].concat();
    let interface =
        [&short(1)[..], &short(0), &word(65_535), &short(9), &short(1), &[9, 0, 0, 0], &[0; 4]].concat();
    let mut file = [block(0x0a0d_0d0a, &section), block(1, &interface)].concat();
    for (frame, at) in frames.iter().zip(0u32..) {
        let length = word(frame.len() as u32);
        file.extend(match at % 3 {
            0 => block(3, &[&length[..], frame].concat()),
            _ => block(6, &[&word(0)[..], &word(0), &word(at), &length, &length, frame].concat()),
        });
    }
    file
}

/// A program as the target `machine` reads it.
fn program(filter: &str, live: bool) -> Option<Vec<u8>> {
    let options = Options { live, ..Options::file(LinkType::ETHERNET) };
    let program = filter.parse::<Filter>().ok()?.compile(options).ok()?;
    let insns = program.insns();
    let bytes =
        |Insn { code, jt, jf, k }: &Insn| [&code.to_le_bytes()[..], &[*jt, *jf], &k.to_le_bytes()].concat();
    let mut whole = vec![u8::try_from(insns.len()).ok()?];
    whole.extend(insns.iter().flat_map(bytes));
    Some(whole)
}

/// The words of these texts and more, as libFuzzer takes them for building blocks.
fn dictionary<'a>(texts: &[&'a str], more: impl Iterator<Item = &'a str>) -> String {
    let words = texts.iter().flat_map(|text| text.split([' ', '(', ')', '{', '}', ',']));
    let words: std::collections::BTreeSet<&str> = words.chain(more).collect();
    let plain = words.iter().filter(|word| !word.is_empty() && !word.contains(['"', '\\']));
    plain.map(|word| format!("\"{word}\"\n")).collect()
}

/// The seeds of the targets that read expressions, each with a frame.
fn expressions(folder: &Path, frames: &[Vec<u8>]) -> io::Result<()> {
    for (at, text) in texts::EXPRESSIONS.iter().enumerate() {
        put(
            folder,
            "expression",
            format!("text-{at:02}"),
            &[text.as_bytes(), &[0, 0], &frames[at]].concat(),
        )?;
    }
    for (at, text) in texts::FILTERS.iter().enumerate() {
        put(folder, "filter", format!("text-{at:02}"), &[text.as_bytes(), &[0, 0], &frames[at]].concat())?;
        for (name, live) in [("file", false), ("live", true)] {
            if let Some(program) = program(text, live) {
                put(folder, "machine", format!("{name}-{at:02}"), &[program, frames[at].clone()].concat())?;
            }
        }
    }
    let names =
        fields::all().map(|field| field.name).chain(expr::FUNCTIONS.iter().map(|function| function.name));
    fs::write(folder.join("expression.dict"), dictionary(texts::EXPRESSIONS, names))?;
    fs::write(folder.join("filter.dict"), dictionary(texts::FILTERS, std::iter::empty()))
}

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).ok_or_else(|| io::Error::other("usage: seeds FOLDER"))?;
    let folder = Path::new(&folder);
    let mut frames = traffic::mixture(24, 1);
    frames.extend(traffic::malformed(24, 2));
    frames.iter_mut().for_each(|frame| frame.truncate(400));
    for (at, frame) in frames.iter().enumerate() {
        put(folder, "decoder", format!("frame-{at:02}"), &[&[0, 1, 0, 0], &frame[..]].concat())?;
        put(folder, "rewrite", format!("frame-{at:02}"), &[&[at as u8, 0], &frame[..]].concat())?;
    }
    // Three fragments of one datagram in each order, and with each set of options; one that overlaps; a frame in fragments.
    for (at, order) in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [0, 2, 1]].iter().enumerate() {
        for version in 0..2u8 {
            let step = |piece: &u8| [32 | version, 1, 2 * 2 * piece | u8::from(*piece < 2), 16];
            let steps: Vec<u8> = order.iter().flat_map(step).collect();
            let whole = [&[at as u8][..], &steps].concat();
            put(folder, "defragment", format!("order-{at}-{version}"), &whole)?;
            let overlap = [32 | version, 1, 1 | 2, 16];
            let whole = [&[at as u8 + 4][..], &steps[..8], &overlap, &[39], &steps[8..]].concat();
            put(folder, "defragment", format!("overlap-{at}-{version}"), &whole)?;
        }
    }
    for (at, frame) in frames[..8].iter().enumerate() {
        let pieces = traffic::fragments(frame, 16, 9);
        let pieces = pieces.iter().map(|piece| [&[37, piece.len() as u8][..], piece].concat());
        put(
            folder,
            "defragment",
            format!("frame-{at}"),
            &[vec![0], pieces.collect::<Vec<_>>().concat()].concat(),
        )?;
    }
    // The other link types begin with the IP header, or with one of their own that is as short as a few bytes.
    for (link, head) in [
        (101u16, &[][..]),
        (0, &[2, 0, 0, 0]),
        (108, &[0, 0, 0, 2]),
        (113, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]),
        (276, &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]),
        (9, &[0xff, 3, 0, 0x21]),
        (104, &[0x0f, 0, 8, 0]),
    ] {
        let ip = frames[0].get(14..).unwrap_or_default();
        put(
            folder,
            "decoder",
            format!("link-{link}"),
            &[&link.to_be_bytes()[..], &[0, 0], head, ip].concat(),
        )?;
    }
    for (name, big_endian) in [("le", false), ("be", true)] {
        for target in ["reader", "unpack"] {
            put(folder, target, format!("pcap-{name}"), &pcap(&frames[..6], big_endian))?;
            put(folder, target, format!("pcapng-{name}"), &pcapng(&frames[..6], big_endian))?;
        }
    }
    expressions(folder, &frames)
}
