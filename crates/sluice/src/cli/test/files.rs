//! The files of a test: made before the run, compared after it.

use std::io;
use std::path::Path;

use sluice_config::Content;
use sluice_core::{CaptureInfo, Resolution};
use sluice_pcap::pcap::Header;
use sluice_pcap::{Contents, Format, contents, recognise};
use sluice_wire::link::LinkType;
use sluice_wire::render;

/// The packets of a file that is made lie this far apart.
const STEP_NS: i64 = 1_000_000;

/// How many differences are shown of one file.
const SHOWN: usize = 10;

/// Writes a file: text, or a capture of Ethernet packets with microseconds, one every millisecond from the epoch on.
pub fn write(path: &Path, content: &Content) -> io::Result<()> {
    match content {
        Content::Text(text) => std::fs::write(path, text),
        Content::Lines(lines) => std::fs::write(path, ended(lines)),
        Content::Packets(packets) => std::fs::write(path, capture(packets)),
        Content::Count(_) => Err(io::Error::other("a file cannot be made from a count")),
    }
}

fn ended(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
    let header = Header::of(&CaptureInfo::of(LinkType::ETHERNET), 0, Some(Resolution::Micro));
    let mut file = header.to_bytes().to_vec();
    let mut time = 0;
    for packet in packets {
        let mut record = [0; 16];
        header.layout.write(&mut record, time, packet.len() as u32, packet.len() as u32);
        file.extend_from_slice(&record);
        file.extend_from_slice(packet);
        time += STEP_NS;
    }
    file
}

/// What is not as expected, if anything.
pub fn compare(found: &[u8], expected: &Content) -> Option<String> {
    let capture = matches!(recognise(found), Format::Pcap | Format::Pcapng);
    match expected {
        Content::Text(text) => {
            let lines = |text: &str| text.split_inclusive('\n').map(shown).collect::<Vec<_>>();
            let found = String::from_utf8_lossy(found);
            (found != *text).then(|| differences(&lines(&found), &lines(text))).flatten()
        }
        Content::Lines(lines) if capture => match packets(found) {
            Ok(found) => differences(&rendered(found), lines),
            Err(problem) => Some(problem),
        },
        Content::Lines(lines) => compare(found, &Content::Text(ended(lines))),
        Content::Packets(expected) => match packets(found) {
            Ok(found) => {
                let found = found.batches.iter().flat_map(|batch| batch.iter());
                let found: Vec<String> = found.map(|(_, data)| hex(data)).collect();
                differences(&found, &expected.iter().map(|packet| hex(packet)).collect::<Vec<_>>())
            }
            Err(problem) => Some(problem),
        },
        Content::Count(expected) => {
            let count = if capture {
                match packets(found) {
                    Ok(found) => found.packets(),
                    Err(problem) => return Some(problem),
                }
            } else {
                found.split_inclusive(|byte| *byte == b'\n').count()
            };
            let unit = if capture { "packets" } else { "lines" };
            (count as u64 != *expected).then(|| format!("expected {expected} {unit}, found {count}"))
        }
    }
}

/// The packets of a capture.
fn packets(file: &[u8]) -> Result<Contents, String> {
    let found = contents(file).map_err(|problem| format!("it is no capture: it {problem}"))?;
    if found.done < file.len() {
        return Err(format!("it is no whole capture: it breaks off behind packet {}", found.packets()));
    }
    Ok(found)
}

fn rendered(mut found: Contents) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in &mut found.batches {
        for (frame, data, layers) in batch.decoded() {
            let mut line = Vec::new();
            let options = render::LineOptions::default();
            render::line(&mut line, frame.time, data, layers, frame.wire, options);
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }
    lines
}

fn hex(packet: &[u8]) -> String {
    packet.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line with its end made visible where it is not a single newline.
fn shown(line: &str) -> String {
    match line.strip_suffix('\n') {
        Some(line) => line.replace('\r', "\\r"),
        None => format!("{line} (without a newline)"),
    }
}

/// Items that differ, in the order of the file: `-` expected, `+` found.
fn differences(found: &[String], expected: &[String]) -> Option<String> {
    let places = 0..found.len().max(expected.len());
    let wrong: Vec<usize> = places.filter(|at| found.get(*at) != expected.get(*at)).collect();
    let mut text =
        format!("{} of {} differ (- expected, + found)", wrong.len(), expected.len().max(found.len()));
    for at in wrong.iter().take(SHOWN) {
        for (sign, side) in [('-', expected), ('+', found)] {
            if let Some(item) = side.get(*at) {
                text.push_str(&format!("\n{:>5} {sign} {item}", at + 1));
            }
        }
    }
    if wrong.len() > SHOWN {
        text.push_str(&format!("\n      and {} more", wrong.len() - SHOWN));
    }
    (!wrong.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Content {
        Content::Lines(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    #[test]
    fn text_is_compared_line_by_line() {
        assert_eq!(compare(b"a\nb\n", &lines(&["a", "b"])), None);
        let told = compare(b"a\nc\nd\n", &lines(&["a", "b"])).unwrap();
        assert_eq!(told, "2 of 3 differ (- expected, + found)\n    2 - b\n    2 + c\n    3 + d");
        let told = compare(b"a", &lines(&["a"])).unwrap();
        assert!(told.ends_with("1 - a\n    1 + a (without a newline)"), "{told}");
        assert_eq!(compare(b"a\r\n", &Content::Text("a\r\n".into())), None);
    }

    #[test]
    fn a_capture_that_was_made_is_read_back() {
        let file = capture(&[vec![1, 2], vec![3]]);
        assert_eq!(compare(&file, &Content::Packets(vec![vec![1, 2], vec![3]])), None);
        assert_eq!(compare(&file, &Content::Count(2)), None);
        assert_eq!(compare(&file, &Content::Count(3)).unwrap(), "expected 3 packets, found 2");
        assert!(compare(&file, &Content::Packets(vec![vec![1, 2]])).unwrap().contains("2 + 03"));
        assert!(compare(&file[..file.len() - 1], &Content::Count(2)).unwrap().contains("behind packet 1"));
        assert!(compare(b"text", &Content::Packets(vec![])).unwrap().starts_with("it is no capture"));
    }
}
