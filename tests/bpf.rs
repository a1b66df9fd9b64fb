//! Filter expressions select the packets that tcpdump selects.
//!
//! The tables are `bpf/expressions.txt`, and `bpf/ours.txt` of what tcpdump gets wrong. They are run over the packets of `bpf/packets.txt`, which were made for it, and over
//! the captures of a corpus, if SLUICE_CORPUS names one. Where tcpdump is installed it is asked; everywhere the outcome
//! is compared with `bpf/expected.txt` and `bpf/corpus.txt`, which were written by tcpdump (SLUICE_BLESS=1 writes them
//! anew).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use sluice_expr::bpf::{Filter, Machine, Options};
use sluice_tests::{Folder, corpus, files, root, skip};
use sluice_wire::link::LinkType;

/// The packets of one link type: captured bytes and length on the wire.
type Packets = Vec<(Vec<u8>, u32)>;

/// By link type.
type Sets = BTreeMap<LinkType, Packets>;

/// The numbers of the packets that pass, or `None` where the expression is refused.
type Outcome = Option<Vec<usize>>;

fn table(name: &str) -> String {
    fs::read_to_string(root().join("tests/bpf").join(name)).unwrap_or_default()
}

fn expressions(name: &str) -> Vec<String> {
    table(name).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The packets that were made for the expressions.
fn made() -> Sets {
    let mut sets = Sets::new();
    for line in table("packets.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (link, hex) = (words.next().unwrap(), words.next().unwrap());
        let link = link.parse().map(LinkType).ok().or_else(|| LinkType::from_name(link)).unwrap();
        let digits = hex.trim_matches('-').as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = digits.map(byte).collect();
        let length = bytes.len() as u32;
        sets.entry(link).or_default().push((bytes, length));
    }
    sets
}

/// Link types of the corpus that we refuse to look into, and of which libpcap guesses: frame relay, ARCNET, those of Juniper.
const REFUSED: [u16; 5] = [107, 129, 132, 137, 164];

/// The packets of every capture of the corpus, but for pcapng files with interfaces of several link types.
fn captured() -> Option<Sets> {
    let mut sets = Sets::new();
    for path in files(&corpus()?) {
        let bytes = fs::read(path).unwrap();
        read(&bytes, &mut sets).or_else(|| read_pcapng(&bytes, &mut sets));
    }
    sets.retain(|link, _| !REFUSED.contains(&link.0));
    Some(sets)
}

/// The packets of a pcap file up to the first one that is not whole; nothing of anything else.
fn read(bytes: &[u8], sets: &mut Sets) -> Option<()> {
    let word = |at: usize, big: bool| {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    let big = match word(0, false)? {
        0xa1b2_c3d4 | 0xa1b2_3c4d => false,
        0xd4c3_b2a1 | 0x4d3c_b2a1 => true,
        _ => return None,
    };
    let set = sets.entry(LinkType(word(20, big)? as u16)).or_default();
    let mut at = 24;
    while let (Some(captured), Some(length)) = (word(at + 8, big), word(at + 12, big)) {
        let Some(frame) = bytes.get(at + 16..at + 16 + captured as usize) else { break };
        set.push((frame.to_vec(), length));
        at += 16 + captured as usize;
    }
    Some(())
}

/// The packets of a pcapng file, unless it has interfaces of several link types; nothing of anything else.
fn read_pcapng(bytes: &[u8], sets: &mut Sets) -> Option<()> {
    let contents = sluice_pcap::contents(bytes).ok()?;
    let interfaces = contents.batches.iter().flat_map(|batch| &batch.info().interfaces);
    let links = BTreeSet::from_iter(interfaces.map(|interface| interface.link));
    let set = match Vec::from_iter(links)[..] {
        [link] => sets.entry(link).or_default(),
        _ => return None,
    };
    let packets = contents.batches.iter().flat_map(|batch| batch.iter());
    set.extend(packets.map(|(frame, bytes)| (bytes.to_vec(), frame.wire)));
    Some(())
}

/// What we select.
fn ours(expression: &str, link: LinkType, packets: &Packets) -> Outcome {
    let filter: Filter = expression.parse().unwrap_or_else(|e| panic!("{expression}: {e}"));
    let machine = Machine::new(&filter.compile(Options::file(link)).ok()?);
    let passes = |(_, (frame, length)): &(usize, &(Vec<u8>, u32))| machine.matches(frame, *length);
    Some(packets.iter().enumerate().filter(passes).map(|(at, _)| at).collect())
}

/// A capture whose packets have their number as their time.
fn capture(link: LinkType, packets: &Packets) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, u32::from(link.0)] {
        file.extend(u32::to_le_bytes(word));
    }
    for ((frame, length), number) in packets.iter().zip(0u32..) {
        for word in [number, 0, frame.len() as u32, *length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn has_tcpdump() -> bool {
    Command::new("tcpdump").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// What tcpdump says of that which only we can do.
const ONLY_OURS: [&str; 2] = ["not supported with variable length headers", "no MPLS support for PPP"];

/// What tcpdump selects: `Err` where it cannot be asked.
fn theirs(expression: &str, file: &Path) -> Result<Outcome, ()> {
    let output =
        Command::new("tcpdump").arg("-r").arg(file).args(["-w", "-", "--", expression]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    if ONLY_OURS.iter().any(|phrase| told.contains(phrase)) {
        return Err(());
    }
    if told.contains("rejects all packets") {
        return Ok(Some(Vec::new()));
    }
    if !output.status.success() {
        return Ok(None);
    }
    let mut numbers = Vec::new();
    let mut rest = output.stdout.get(24..).unwrap_or_default();
    while let Some((header, body)) = rest.split_at_checked(16) {
        let word = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().unwrap());
        numbers.push(word(0) as usize);
        rest = &body[word(8) as usize..];
    }
    Ok(Some(numbers))
}

/// An outcome in short: which packets, or how many and a hash of which.
fn text(outcome: &Outcome, short: bool) -> String {
    let Some(numbers) = outcome else { return "refused".to_owned() };
    if short {
        let hash = numbers
            .iter()
            .fold(0x811c_9dc5_u32, |hash, number| (hash ^ *number as u32).wrapping_mul(0x0100_0193));
        return format!("{}/{hash:08x}", numbers.len());
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let run = |(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

/// What an expression did to all packets.
struct Row {
    expression: String,
    hits: usize,
    misses: usize,
    /// For each link type its number and what is selected.
    cells: Vec<(u16, String)>,
    wrong: Vec<String>,
}

/// Runs one expression over all sets, and asks tcpdump for those that lie in `folder`.
fn row(expression: &str, sets: &Sets, folder: Option<&Folder>, short: bool) -> Row {
    let mut row =
        Row { expression: expression.to_owned(), hits: 0, misses: 0, cells: Vec::new(), wrong: Vec::new() };
    for (link, packets) in sets {
        let got = ours(expression, *link, packets);
        if let Some(numbers) = &got {
            row.hits += numbers.len();
            row.misses += packets.len() - numbers.len();
        }
        let file = |folder: &Folder| folder.path(&format!("{}.pcap", link.0));
        let asked = folder.map_or(Err(()), |folder| theirs(expression, &file(folder)));
        let cell = text(&got, short);
        if let Ok(asked) = asked
            && asked != got
        {
            row.wrong.push(format!("{expression} on {link}: {cell}, and tcpdump {}", text(&asked, short)));
        }
        row.cells.push((link.0, cell));
    }
    row
}

/// Runs a table over all sets: in as many threads as there are processors, for tcpdump is started thousands of times.
fn rows(name: &str, sets: &Sets, ask: bool, short: bool) -> Vec<Row> {
    let folder = Folder::new();
    for (link, packets) in sets {
        folder.write(&format!("{}.pcap", link.0), capture(*link, packets));
    }
    if ask && !has_tcpdump() {
        skip("tcpdump is not installed: only the stored results are compared");
    }
    let folder = (ask && has_tcpdump()).then_some(&folder);
    let expressions = expressions(name);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = expressions.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let run = |part| {
            move || -> Vec<Row> {
                Vec::from_iter(<[String]>::iter(part).map(|e| row(e, sets, folder, short)))
            }
        };
        let running: Vec<_> = expressions.chunks(share).map(|part| scope.spawn(run(part))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Runs both tables and compares them with tcpdump and with the stored results.
fn compare(sets: &Sets, stored: &str, short: bool) -> Vec<Row> {
    let mut rows = self::rows("expressions.txt", sets, true, short);
    rows.extend(self::rows("ours.txt", sets, false, short));
    let cells = |row: &Row| -> String {
        let kept = row.cells.iter().filter(|(_, cell)| cell != "refused");
        kept.map(|(link, cell)| format!(" {link}:{cell}")).collect()
    };
    let new: String = rows.iter().map(|row| format!("{}\t{}\n", row.expression, cells(row))).collect();
    let mut wrong: Vec<_> = rows.iter().flat_map(|row| row.wrong.clone()).collect();
    if std::env::var_os("SLUICE_BLESS").is_some() && wrong.is_empty() {
        fs::write(root().join("tests/bpf").join(stored), &new).unwrap();
    }
    let before = table(stored);
    let differs = new.lines().zip(before.lines()).filter(|(new, before)| new != before);
    wrong.extend(differs.map(|(new, before)| format!("now {new:?}, stored {before:?}")));
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(new.lines().count(), before.lines().count(), "{stored} has other lines");
    rows
}

#[test]
fn every_expression_selects_what_tcpdump_selects() {
    let rows = compare(&made(), "expected.txt", false);
    assert!(rows.len() >= 250);
    let idle = rows.iter().filter(|row| row.hits == 0 || row.misses == 0).map(|row| &row.expression);
    assert_eq!(Vec::from_iter(idle), Vec::<&String>::new(), "these match nothing or everything");
}

#[test]
fn it_does_so_over_the_corpus() {
    let Some(sets) = captured() else { return };
    assert!(!sets.is_empty(), "there is no capture in the corpus");
    let rows = compare(&sets, "corpus.txt", true);
    println!("{} expressions, {} matches", rows.len(), rows.iter().map(|row| row.hits).sum::<usize>());
}
