//! Typed expressions select as many packets as Wireshark's display filters do.
//!
//! The table is `expr/expressions.txt`. It is run over the captures of a corpus, if SLUICE_CORPUS names one. Where tshark
//! is installed it is asked; everywhere the outcome is compared with `expr/corpus.txt`, which tshark wrote (SLUICE_BLESS=1
//! writes it anew). `expr/differences.txt` tells where we mean something else, and why.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sluice::testkit::Harness;
use sluice::{Batch, MAIN, Next, Registry};
use sluice_expr::expr::Predicate;
use sluice_tests::{corpus, files, root};

/// An expression as we and as Wireshark write it.
struct Row {
    ours: String,
    theirs: String,
}

fn table(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("tests/expr").join(name)).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let row = |line: String| {
        let (ours, theirs) = line.split_once('\t').unwrap_or((&line, &line));
        Row { ours: ours.to_owned(), theirs: theirs.to_owned() }
    };
    table("expressions.txt").into_iter().map(row).collect()
}

fn captures() -> Option<Vec<PathBuf>> {
    Some(files(&corpus()?.join("captures")))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// How many packets of the capture each expression selects here.
fn ours(rows: &[Row], path: &Path, registry: &Registry) -> Vec<u64> {
    let yaml = format!("- source: pcap_file\n  path: {}", path.display());
    let mut source = Harness::from_yaml(registry, &yaml).unwrap();
    let mut counts = vec![0; rows.len()];
    let mut predicates: Vec<_> = rows
        .iter()
        .map(|row| Predicate::new(&row.ours).unwrap_or_else(|error| panic!("{}", error.render(&row.ours))))
        .collect();
    let mut held = Vec::new();
    loop {
        let (next, mut outcome) = source.produce().unwrap();
        while let Some(mut batch) = outcome.take(MAIN) {
            for (predicate, count) in predicates.iter_mut().zip(&mut counts) {
                predicate.batch(&mut batch, &mut held);
                *count += held.iter().filter(|held| **held).count() as u64;
            }
            assert!(matches!(batch, Batch::Packets(_)));
        }
        if next == Next::End {
            return counts;
        }
    }
}

/// The same of tshark, which counts frames for many filters in one pass; but not where all have the same time.
fn theirs(rows: &[Row], path: &Path) -> Option<Vec<u64>> {
    let mut command = Command::new("tshark");
    command.args(["-q", "-n", "-r"]).arg(path);
    for check in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{check}.check_checksum:TRUE")]);
    }
    command.args([
        "-o",
        "tcp.desegment_tcp_streams:FALSE",
        "-o",
        "ip.defragment:FALSE",
        "-o",
        "ipv6.defragment:FALSE",
    ]);
    // Each is a table of its own; a table takes a limited number of columns.
    for row in rows {
        command.args(["-z", &format!("io,stat,0,{}", row.theirs)]);
    }
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        (cells.len() > 3 && cells[1].contains("<>")).then(|| cells[2].parse::<u64>().unwrap())
    };
    let mut counts: Vec<u64> = text.lines().filter_map(row).collect();
    if text.contains("Duration: 0 secs") || counts.is_empty() {
        return None;
    }
    assert_eq!(counts.len(), rows.len(), "{}: {}", name(path), String::from_utf8_lossy(&output.stderr));
    // Tables are printed last first.
    counts.reverse();
    Some(counts)
}

/// Counts in short: their sum, and a hash of each with its file.
fn short(counts: &BTreeMap<String, u64>) -> String {
    let mut hash = 0x811c_9dc5_u32;
    for (file, count) in counts.iter().filter(|(_, count)| **count > 0) {
        for byte in file.bytes().chain(count.to_be_bytes()) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    format!("{}/{hash:08x}", counts.values().sum::<u64>())
}

#[test]
fn the_table_is_large_enough_and_printed_as_it_is_read() {
    let rows = rows();
    assert!(rows.len() >= 80, "{}", rows.len());
    for row in rows {
        let expr = sluice_expr::expr::parse(&row.ours).unwrap();
        assert_eq!(sluice_expr::expr::parse(&expr.to_string()).unwrap(), expr, "{}", row.ours);
    }
}

#[test]
fn expressions_select_what_display_filters_select() {
    let Some(captures) = captures() else { return };
    let (rows, registry) = (rows(), Registry::collect().unwrap());
    let version =
        Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let differences: BTreeMap<(String, String), (u64, u64)> = table("differences.txt")
        .iter()
        .map(|line| {
            let cells: Vec<_> = line.split('\t').collect();
            let number = |at: usize| cells[at].parse().unwrap();
            ((cells[0].to_owned(), cells[1].to_owned()), (number(2), number(3)))
        })
        .collect();
    let mut counted: Vec<BTreeMap<String, u64>> = rows.iter().map(|_| BTreeMap::new()).collect();
    let mut wrong = Vec::new();
    for path in &captures {
        let (file, ours) = (name(path), ours(&rows, path, &registry));
        let asked = if version.is_ok() { theirs(&rows, path) } else { None };
        for (at, row) in rows.iter().enumerate() {
            let known = differences.get(&(row.ours.clone(), file.clone())).copied();
            let expected = asked.as_ref().map(|asked| asked[at]);
            let wanted = known.map_or(expected, |(ours, _)| Some(ours));
            if wanted.is_some_and(|wanted| wanted != ours[at])
                || known.zip(expected).is_some_and(|((_, theirs), expected)| theirs != expected)
            {
                wrong.push(format!("{}\t{file}\t{}\t{}", row.ours, ours[at], expected.unwrap_or(0)));
            }
            counted[at].insert(file.clone(), ours[at]);
        }
    }
    assert!(wrong.is_empty(), "expression, file, ours, theirs:\n{}", wrong.join("\n"));
    let lines: Vec<_> =
        rows.iter().zip(&counted).map(|(row, counts)| format!("{}\t{}", row.ours, short(counts))).collect();
    let selective = counted.iter().filter(|counts| counts.values().any(|count| *count > 0)).count();
    assert!(selective >= 80, "only {selective} expressions select anything");
    if version.is_ok() && std::env::var_os("SLUICE_BLESS").is_some() {
        let head = "# What the expressions select over the corpus: how many packets, and a hash of how many of which file.\n";
        fs::write(root().join("tests/expr/corpus.txt"), format!("{head}{}\n", lines.join("\n"))).unwrap();
    }
    assert_eq!(table("corpus.txt"), lines, "not what tshark once selected");
}
