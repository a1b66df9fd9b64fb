//! Files as other programs write and read them: compressed, growing, in pieces.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use sluice_tests::{Folder, packets, pcap, tool, until, wait};

const COPY: &str = "\
version: 1
params: {input: {}, output: {default: out.pcap}}
stages:
  - {source: pcap_file, path: '${input}'}
  - {sink: pcap_file, path: '${output}'}
";

/// A folder with a pipeline.
fn folder(pipeline: &str) -> Folder {
    let folder = Folder::new();
    folder.write("p.yaml", pipeline);
    folder
}

/// A capture of this many packets, each of which differs from the others.
fn capture(count: usize) -> Vec<u8> {
    let packet = |i: usize| {
        let mut packet = vec![2; 60 + i % 1400];
        packet[20..28].copy_from_slice(&(i as u64).to_be_bytes());
        packet
    };
    pcap(&(0..count).map(packet).collect::<Vec<_>>())
}

/// The same capture, each packet so many microseconds later.
fn later(mut file: Vec<u8>, micros: u32) -> Vec<u8> {
    let mut at = 24;
    while let Some(header) = file.get_mut(at..at + 16) {
        let word = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().unwrap());
        let (fraction, captured) = (word(4), word(8));
        header[4..8].copy_from_slice(&(fraction + micros).to_le_bytes());
        at += 16 + captured as usize;
    }
    file
}

/// What compresses, with arguments, and the ending that its files have.
const PACKERS: [(&str, &[&str]); 8] = [
    ("gzip", &["-1"]),
    ("gzip", &["-9"]),
    ("zstd", &["-1"]),
    ("zstd", &["-19", "--no-check"]),
    ("zstd", &["--long=27"]),
    ("lz4", &["-q", "-1", "-BD", "-B5", "--content-size"]),
    ("lz4", &["-q", "-9", "-BX", "-B4"]),
    ("lz4", &["-q", "--no-frame-crc", "-B7"]),
];

#[test]
fn what_other_programs_compressed_is_unpacked() {
    let file = capture(3000);
    for (program, args) in PACKERS {
        let Some(packed) = tool(program, args, &file) else { continue };
        let folder = folder(COPY);
        // Neither the name nor whether it is a pipe matters, and frames may follow each other.
        let (first, second) = file.split_at(100_000);
        let parts = [first, second].map(|part| tool(program, args, part).unwrap());
        folder.write("a.pcap", &packed).write("b", parts.concat());
        for (input, stdin) in [("a.pcap", "p.yaml"), ("b", "p.yaml"), ("-", "a.pcap"), ("-", "b")] {
            let ran = folder.sluice_with(&["run", "p.yaml", "-q", &format!("input={input}")], stdin);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{program} {args:?} {input}");
            assert!(folder.read("out.pcap") == file, "{program} {args:?} {input}");
        }
    }
}

#[test]
fn compressed_input_that_is_cut_off_or_corrupt_gives_what_was_before() {
    let file = capture(4000);
    // Of the largest block of lz4, 4 MiB, nothing can be given before it is whole.
    for (program, args) in PACKERS.into_iter().filter(|(_, args)| !args.contains(&"-B7")) {
        let Some(packed) = tool(program, args, &file) else { continue };
        let folder = folder(COPY);
        let half = packed.len() / 2;
        let mut corrupt = packed.clone();
        corrupt[half..half + 400].fill(0xff);
        for (name, bytes) in [("cut", &packed[..half]), ("corrupt", &corrupt)] {
            folder.write(name, bytes);
            let ran = folder.sluice(&["run", "p.yaml", "-q", &format!("input={name}")]);
            assert_eq!(ran.code, 65, "{program} {args:?} {name}: {}", ran.stderr);
            // What is corrupt may well be unpacked to packets that cannot be.
            let place =
                if name == "cut" { format!("{program} data, at byte {half};") } else { "corrupt".into() };
            assert!(ran.stderr.contains(&place), "{}", ran.stderr);
            let came = packets(&folder.read("out.pcap")).len();
            assert!((1..4001).contains(&came), "{program} {args:?} {name}: {came} packets");
        }
    }
}

#[test]
fn compressed_logs_are_unpacked_too() {
    let folder =
        folder("version: 1\nstages:\n- {source: file, path: in.log.gz}\n- {sink: file, path: out.log}\n");
    let text = "one\ntwo\nthree";
    let Some(packed) = tool("gzip", &[], text.as_bytes()) else { return };
    folder.write("in.log.gz", packed);
    assert_eq!(folder.sluice(&["run", "p.yaml", "-q"]).code, 0);
    assert_eq!(folder.read("out.log"), text.as_bytes());
}

#[test]
fn xz_and_bzip2_are_refused() {
    let folder = folder(COPY);
    for (magic, name, unpack) in [(&b"\xfd7zXZ\0"[..], "xz", "unxz"), (b"BZh91AY&SY", "bzip2", "bunzip2")] {
        folder.write("in", magic);
        let ran = folder.sluice(&["run", "p.yaml", "-q", "input=in"]);
        let sentence = format!("`in` is compressed by {name}, which is not read; unpack it with `{unpack}`");
        assert!(ran.code == 1 && ran.stderr.contains(&sentence), "{} {}", ran.code, ran.stderr);
        assert!(!folder.path("out.pcap").exists());
    }
}

#[test]
fn a_growing_file_is_followed_until_a_signal_comes() {
    let file = capture(200);
    let gzip = tool("gzip", &[], &file);
    for bytes in [Some(&file), gzip.as_ref()].into_iter().flatten() {
        let folder = folder(
            "version: 1\nstages:\n- {source: pcap_file, path: in.pcap, follow: true}\n\
             - {sink: pcap_file, path: out.pcap}\n- {sink: file, path: log, append: true, inputs: pcap_file}\n",
        );
        folder.write("in.pcap", "");
        let mut child = folder.command(&["run", "p.yaml", "-q"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut writer = OpenOptions::new().append(true).open(folder.path("in.pcap")).unwrap();
        for piece in bytes.chunks(bytes.len() / 3 + 1) {
            writer.write_all(piece).unwrap();
            let before = folder.path("log").metadata().map_or(0, |about| about.len());
            until("packets came", || folder.path("log").metadata().is_ok_and(|about| about.len() > before));
        }
        until("all came", || folder.read("log").iter().filter(|byte| **byte == b'\n').count() == 200);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0));
        assert!(folder.read("out.pcap") == file);
    }
}

#[test]
fn other_programs_unpack_what_is_written() {
    let file = capture(3000);
    for (name, program, args) in [("out.pcap.gz", "gzip", &["-dc"][..]), ("out.pcap.zst", "zstd", &["-dcq"])]
    {
        let folder = folder(COPY);
        folder.write("in", &file);
        // For want of order in them, batches of several sizes and flushes in between must not matter.
        for batch in ["4KiB", "1MiB"] {
            folder.write("q.yaml", format!("{COPY}execution: {{batch: {batch}}}\n"));
            let output = format!("output={batch}.{name}");
            let ran = folder.sluice(&["run", "./q.yaml", "-q", "input=in", &output]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        }
        let packed = folder.read(&format!("4KiB.{name}"));
        assert!(packed == folder.read(&format!("1MiB.{name}")) && packed.len() < file.len() / 4);
        let Some(unpacked) = tool(program, args, &packed) else { continue };
        assert!(unpacked == file, "{program} {name}");
        let path = folder.path(&format!("4KiB.{name}"));
        if let Some(read) = tool("editcap", &["-F", "pcap", path.to_str().unwrap(), "-"], b"") {
            assert!(packets(&read) == packets(&file), "editcap {name}");
        }
        // Standard output has no name that tells.
        let compress = if program == "zstd" { "zstd" } else { "gzip" };
        folder.write("r.yaml", COPY.replace("'${output}'", &format!("'${{output}}', compress: {compress}")));
        let ran = folder.sluice(&["run", "./r.yaml", "-q", "input=in", "output=-", "--summary", "none"]);
        assert_eq!(ran.code, 0);
    }
}

/// A pipeline that cuts `in.pcap` into files called `output`.
fn split(output: &str, rotate: &str) -> String {
    format!(
        "version: 1\nstages:\n- {{source: pcap_file, path: in.pcap}}\n\
         - {{sink: pcap_file, path: {output}, rotate: {{{rotate}}}}}\n"
    )
}

#[test]
fn a_capture_is_cut_as_editcap_cuts_it() {
    let folder = folder(&split("out.pcap", "count: 300"));
    folder.write("in.pcap", capture(1000));
    let ran = folder.sluice(&["run", "p.yaml", "-q"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let pieces = |start: &str| -> Vec<_> {
        let names = folder.names().into_iter().filter(|name| name.starts_with(start));
        names.map(|name| (packets(&folder.read(&name)), name)).collect()
    };
    let ours = pieces("out-");
    let names: Vec<_> = ours.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["out-0001.pcap", "out-0002.pcap", "out-0003.pcap", "out-0004.pcap"]);
    let (input, output) = (folder.path("in.pcap"), folder.path("e.pcap"));
    let args = ["-F", "pcap", "-c", "300", input.to_str().unwrap(), output.to_str().unwrap()];
    if tool("editcap", &args, b"").is_some() {
        let theirs = pieces("e_");
        assert!(ours.iter().map(|(packets, _)| packets).eq(theirs.iter().map(|(packets, _)| packets)));
    }
}

#[test]
fn pieces_are_kept_in_a_ring_and_each_is_whole_at_once() {
    let folder = folder(&split("out.pcap.zst", "every: 100ms, keep: 3"));
    folder.write("in.pcap", capture(1000));
    assert_eq!(folder.sluice(&["run", "p.yaml", "-q"]).code, 0);
    let names = ["in.pcap", "out-0008.pcap.zst", "out-0009.pcap.zst", "out-0010.pcap.zst", "p.yaml"];
    assert_eq!(folder.names(), names);
    // A run that is not over has an unfinished piece, and only one.
    let input = capture(250);
    folder.write("in.pcap", &input[..input.len() - 7]);
    folder.write(
        "p.yaml",
        split("out.pcap", "count: 100, keep: 3").replace("in.pcap", "in.pcap, follow: true"),
    );
    let mut child = folder.command(&["run", "p.yaml", "-q"]).stderr(Stdio::piped()).spawn().unwrap();
    let there = |name: &str| folder.path(name).exists();
    until("the third piece is begun", || there("out-0003.pcap.part"));
    until("the second piece is whole", || there("out-0002.pcap") && !there("out-0002.pcap.part"));
    assert_eq!(packets(&folder.read("out-0001.pcap")).len(), 100);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    assert_eq!(packets(&folder.read("out-0003.pcap")).len(), 49);
    let told = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(
        told.contains("when the run was stopped, `in.pcap` ended in the middle of record 250, at byte "),
        "{told}"
    );
}

#[test]
fn files_are_merged_and_appended_as_mergecap_does_it() {
    let folder = folder(
        "version: 1\nparams: {how: {}}\nstages:\n- {source: pcap_file, paths: [a, b, c], combine: '${how}'}\n\
         - {sink: pcap_file, path: out.pcap}\n",
    );
    // No two packets of different files have the same time, for of those `mergecap` takes the one listed last.
    let mixed = [capture(300), capture(600)[24..].to_vec()].concat();
    folder.write("a", capture(900)).write("b", later(capture(400), 300)).write("c", later(mixed, 600));
    for (how, args) in [("merge", &[][..]), ("append", &["-a"])] {
        let ran = folder.sluice(&["run", "p.yaml", "-q", &format!("how={how}")]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let paths = ["a", "b", "c"].map(|name| folder.path(name).to_str().unwrap().to_owned());
        let args: Vec<&str> = ["-F", "pcap", "-w", "-"]
            .into_iter()
            .chain(args.iter().copied())
            .chain(paths.iter().map(String::as_str))
            .collect();
        let Some(merged) = tool("mergecap", &args, b"") else { continue };
        assert!(packets(&folder.read("out.pcap")) == packets(&merged), "{how}");
    }
}

#[test]
fn a_file_that_is_cut_off_does_not_keep_the_next_from_being_read() {
    let folder = folder(
        "version: 1\nstages:\n- {source: pcap_file, paths: [a, b]}\n- {sink: pcap_file, path: out.pcap}\n",
    );
    let file = capture(10);
    folder.write("a", &file[..file.len() - 1]).write("b", &file);
    let ran = folder.sluice(&["run", "p.yaml", "-q"]);
    assert_eq!(ran.code, 65, "{}", ran.stderr);
    assert!(ran.stderr.contains("`a` ends in the middle of record 10, at byte "), "{}", ran.stderr);
    assert_eq!(packets(&folder.read("out.pcap")).len(), 19);
}
