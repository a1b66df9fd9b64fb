//! pcapng in and out: copies, conversions, several inputs in one output, and files that are cut off.

use sluice_tests::{Folder, Ran, packets, pcap};

const COPY: &str = "\
version: 1
params: {input: {}, output: {default: out.pcapng}, format: {default: keep}}
stages:
  - {source: pcap_file, path: '${input}'}
  - {sink: pcap_file, path: '${output}', format: '${format}'}
";

/// Numbers as one byte order writes them.
#[derive(Clone, Copy)]
struct Ng {
    big: bool,
}

impl Ng {
    fn word(self, word: u32) -> [u8; 4] {
        if self.big { word.to_be_bytes() } else { word.to_le_bytes() }
    }

    fn halves(self, halves: [u16; 2]) -> [u8; 4] {
        let [a, b] = halves.map(|half| if self.big { half.to_be_bytes() } else { half.to_le_bytes() });
        [a[0], a[1], b[0], b[1]]
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = body.len().wrapping_neg() % 4;
        let length = self.word((12 + body.len() + padding) as u32);
        [&self.word(kind)[..], &length, body, &[0; 3][..padding], &length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = value.len().wrapping_neg() % 4;
        [&self.halves([code, value.len() as u16])[..], value, &[0; 3][..padding]].concat()
    }

    fn section(self) -> Vec<u8> {
        let head = [self.word(0x1a2b_3c4d), self.halves([1, 0])].concat();
        self.block(0x0a0d_0d0a, &[&head[..], &[0xff; 8], &self.option(3, b"some system"), &[0; 4]].concat())
    }

    fn interface(self, link: u16, name: &str) -> Vec<u8> {
        let options = [self.option(2, name.as_bytes()), self.option(9, &[9]), vec![0; 4]].concat();
        self.block(1, &[&self.halves([link, 0])[..], &self.word(0), &options].concat())
    }

    fn packet(self, interface: u32, time: u64, data: &[u8], comment: &str) -> Vec<u8> {
        let length = data.len() as u32;
        let words = [interface, (time >> 32) as u32, time as u32, length, length];
        let head: Vec<u8> = words.iter().flat_map(|word| self.word(*word)).collect();
        let padding = data.len().wrapping_neg() % 4;
        let mut options = Vec::new();
        if !comment.is_empty() {
            options = [self.option(1, comment.as_bytes()), vec![0; 4]].concat();
        }
        self.block(6, &[&head, data, &[0; 3][..padding], &options].concat())
    }

    /// A name for an address.
    fn name(self) -> Vec<u8> {
        self.block(4, &[self.option(1, b"\x0a\x00\x00\x01router\0"), vec![0; 4]].concat())
    }

    fn secret(self) -> Vec<u8> {
        self.block(10, &[&self.word(0x544c_534b)[..], &self.word(4), b"key\n"].concat())
    }

    fn statistics(self, interface: u32) -> Vec<u8> {
        self.block(5, &[interface, 0, 7].map(|word| self.word(word)).concat())
    }

    /// Two interfaces, three packets, and something of everything.
    fn file(self) -> Vec<u8> {
        let start = 1_700_000_000_000_000_000;
        [
            self.section(),
            self.interface(1, "eth0"),
            self.name(),
            self.packet(0, start + 1, &[1; 61], ""),
            self.packet(0, start + 2, &[2; 62], "the second"),
            self.interface(101, "tun0"),
            self.secret(),
            self.packet(1, start + 3, &[0x45; 40], ""),
            self.block(0x0bad_beef, b"nobody knows"),
            self.statistics(0),
        ]
        .concat()
    }
}

const BIG: Ng = Ng { big: true };
const LITTLE: Ng = Ng { big: false };

fn run(folder: &Folder, pipeline: &str, params: &[&str]) -> Ran {
    folder.write("p.yaml", pipeline);
    folder.sluice(&[&["run", "p.yaml", "-q"], params].concat())
}

#[test]
fn a_copy_has_the_same_bytes() {
    for file in [BIG.file(), LITTLE.file(), [BIG.file(), LITTLE.file(), BIG.section(), BIG.file()].concat()] {
        let folder = Folder::new();
        folder.write("in", &file);
        for output in ["out.pcapng", "out.pcap"] {
            let ran = run(&folder, COPY, &["input=in", &format!("output={output}")]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            assert!(folder.read(output) == file);
        }
    }
}

#[test]
fn filters_leave_alone_what_they_do_not_touch() {
    let folder = Folder::new();
    folder.write("in", BIG.file());
    let pipeline = "\
version: 1
stages:
  - {source: pcap_file, path: in}
  - filter: decode
  - filter: rewrite
    addresses: {10.0.0.0/8: 172.16.0.0/12}
  - {sink: pcap_file, path: out.pcapng}
";
    let ran = run(&folder, pipeline, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(folder.read("out.pcapng") == BIG.file());
}

#[test]
fn pcap_becomes_pcapng_by_name_or_by_option() {
    let frames = [[1; 60], [2; 60]];
    let micro = |ng: Ng, time: u64, data: &[u8]| ng.packet(0, time, data, "");
    let head = [LITTLE.word(0x1a2b_3c4d), LITTLE.halves([1, 0])].concat();
    let expected = [
        LITTLE.block(0x0a0d_0d0a, &[&head[..], &[0xff; 8]].concat()),
        LITTLE.block(1, &[&LITTLE.halves([1, 0])[..], &LITTLE.word(262_144)].concat()),
        micro(LITTLE, 1_700_000_000_000_000, &frames[0]),
        micro(LITTLE, 1_700_000_000_001_000, &frames[1]),
    ]
    .concat();
    let folder = Folder::new();
    folder.write("in", pcap(&frames));
    for params in
        [["input=in", "output=a.pcapng", "format=keep"], ["input=in", "output=a.pcapng", "format=pcapng"]]
    {
        let ran = run(&folder, COPY, &params);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert!(folder.read("a.pcapng") == expected);
    }
    // And back.
    run(&folder, COPY, &["input=a.pcapng", "output=b", "format=pcap"]);
    assert_eq!(folder.read("b"), pcap(&frames));
}

#[test]
fn what_pcap_cannot_hold_is_told_once() {
    let folder = Folder::new();
    folder.write("in", BIG.file());
    let ran = run(&folder, COPY, &["input=in", "output=out.pcap", "format=pcap"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stderr.matches("something is left out").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("packets of link type `RAW` are dropped, as the file has `ETHERNET`"));
    let file = folder.read("out.pcap");
    // Nanoseconds and the byte order are kept.
    assert_eq!(file[..4], [0xa1, 0xb2, 0x3c, 0x4d]);
    assert_eq!(file.len(), 24 + 16 + 61 + 16 + 62);
}

#[test]
fn several_inputs_go_into_one_section() {
    let folder = Folder::new();
    folder.write("a", BIG.file()).write("b", LITTLE.file()).write("c", pcap(&[[3; 60]]));
    let pipeline = "\
version: 1
stages:
  - {source: pcap_file, id: a, path: a}
  - {source: pcap_file, id: b, path: b}
  - {source: pcap_file, id: c, path: c}
  - {sink: pcap_file, path: out.pcapng, inputs: [a, b, c]}
";
    let ran = run(&folder, pipeline, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let file = folder.read("out.pcapng");
    // Each of the two sections may have come first, and decided the byte order.
    let ng = if file[8..12] == [0x1a, 0x2b, 0x3c, 0x4d] { BIG } else { LITTLE };
    let count = |part: &[u8]| file.windows(part.len()).filter(|window| *window == part).count();
    assert_eq!(count(&[0x0a, 0x0d, 0x0d, 0x0a]), 1, "one section");
    assert_eq!((count(b"eth0"), count(b"tun0")), (1, 1), "the interfaces of both are the same");
    assert_eq!((count(&[1; 61]), count(&[2; 62]), count(&[0x45; 40]), count(&[3; 60])), (2, 2, 2, 1));
    assert_eq!((count(b"the second"), count(&ng.secret()), count(&ng.name())), (2, 2, 2));
    folder.write("again", &file);
    let ran = run(&folder, COPY, &["input=again", "output=same"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(folder.read("same") == file);
}

#[test]
fn a_file_that_is_cut_off_gives_what_it_holds_and_65() {
    let file = LITTLE.file();
    let section = LITTLE.section().len() + LITTLE.interface(1, "eth0").len() + LITTLE.name().len();
    let first = section + LITTLE.packet(0, 0, &[1; 61], "").len();
    for cut in [first + 1, first + 30, first + 100] {
        let folder = Folder::new();
        folder.write("in", &file[..cut]);
        let ran = run(&folder, COPY, &["input=in"]);
        assert_eq!(ran.code, 65);
        let told = format!("`in` ends in the middle of block 5, at byte {first}; all before it was read");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        assert!(folder.read("out.pcapng") == file[..first]);
    }
}

#[test]
fn a_corrupt_block_ends_the_input_there() {
    let good = BIG.file();
    let mut bad = BIG.packet(0, 0, &[7; 60], "");
    bad[20..24].fill(0xff);
    let folder = Folder::new();
    folder.write("in", [&good[..], &bad, &good].concat());
    let ran = run(&folder, COPY, &["input=in"]);
    assert_eq!(ran.code, 65);
    let told = format!("block 11, at byte {}, says that 4294967295 bytes were captured", good.len());
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    assert!(folder.read("out.pcapng") == good);
}

#[test]
fn a_stream_is_read_as_it_comes() {
    let folder = Folder::new();
    folder.write("in", BIG.file());
    folder.write("p.yaml", COPY);
    let ran = folder.sluice_with(&["run", "p.yaml", "-q", "input=-", "output=-"], "in");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout, String::from_utf8_lossy(&BIG.file()));
}

#[test]
fn packets_that_go_take_their_comments_along() {
    let folder = Folder::new();
    folder.write("in", LITTLE.file());
    let pipeline = "\
version: 1
stages:
  - {source: pcap_file, path: in}
  - {filter: limit, items: 1}
  - {sink: pcap_file, path: out.pcapng}
";
    let ran = run(&folder, pipeline, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let file = folder.read("out.pcapng");
    let count = |part: &[u8]| file.windows(part.len()).filter(|window| *window == part).count();
    assert_eq!((count(&[1; 61]), count(&[2; 62]), count(b"the second")), (1, 0, 0));
    assert_eq!(count(b"router"), 1);
    folder.write("again", &file);
    run(&folder, COPY, &["input=again", "output=out.pcap", "format=pcap"]);
    assert_eq!(packets(&folder.read("out.pcap")), [[1; 61]]);
}
