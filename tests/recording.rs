//! Recording survives what ends it: of a run that is killed every file but the last is whole, and the last can be read to its
//! end.

use std::fs;
use std::process::{Child, Command};

use sluice_tests::{Folder, Ran, binary, packets, skip, until, wait};

/// Begins to record made-up packets, always the same ones, with these options of the sink.
fn record(folder: &Folder, source: &str, sink: &str) -> Child {
    folder.write("p.yaml", recorder(source, sink));
    folder.command(&["run", "-q", "p.yaml"]).spawn().unwrap()
}

fn recorder(source: &str, sink: &str) -> String {
    format!(
        "version: 1\n\
         stages:\n\
         - {{source: generate, kind: packets, ipv6: 20, {source}}}\n\
         - {{sink: pcap_file, {sink}}}\n"
    )
}

/// The first packets that are recorded.
fn made(count: usize) -> Vec<Vec<u8>> {
    let folder = Folder::new();
    let mut child = record(&folder, &format!("count: {count}"), "path: all.pcap");
    assert_eq!(wait(&mut child).code(), Some(0));
    packets(&folder.read("all.pcap"))
}

/// The names of the files that have their own, and of those that do not.
fn recorded(folder: &Folder) -> (Vec<String>, Vec<String>) {
    let names = folder.names().into_iter().filter(|name| name.starts_with("rec"));
    names.partition(|name| !name.ends_with(".part"))
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    assert_eq!(wait(child).code(), None, "a signal ended it");
}

/// Copies a capture, whatever its format.
fn copied(folder: &Folder, name: &str) -> (Ran, Vec<Vec<u8>>) {
    folder.write(
        "copy.yaml",
        "version: 1\n\
         params: {from: {about: capture}}\n\
         stages:\n\
         - {source: pcap_file, path: \"${from}\"}\n\
         - {sink: pcap_file, path: copy.pcap, format: pcap, resolution: micro}\n",
    );
    let ran = folder.sluice(&["run", "-q", "copy.yaml", &format!("from={name}")]);
    let found = packets(&folder.read("copy.pcap"));
    (ran, found)
}

/// How many packets `capinfos` finds; nothing where there is none.
fn counted(folder: &Folder, name: &str) -> Option<usize> {
    // It says so, and exits with 1, when a file is cut short.
    match Command::new("capinfos").args(["-Tmrc", name]).current_dir(folder.root()).output() {
        Ok(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            let fields = text.trim().split(',').nth(1).map(|count| count.parse().unwrap());
            assert!(fields.is_some(), "{name}: {text} {}", String::from_utf8_lossy(&output.stderr));
            fields
        }
        Err(_) => {
            skip("there is no `capinfos`");
            None
        }
    }
}

#[test]
fn killed_under_load() {
    for (ending, moment) in [("pcap", 3), ("pcapng", 3), ("pcap", 6)] {
        let folder = Folder::new();
        let sink = format!("path: rec.{ending}, rotate: {{size: 3MB, keep: 100}}");
        let mut child = record(&folder, "rate: 300k/s", &sink);
        until("files are whole", || recorded(&folder).0.len() >= moment);
        kill(&mut child);

        let (whole, part) = recorded(&folder);
        let mut all = Vec::new();
        for name in &whole {
            let (ran, found) = copied(&folder, name);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
            assert!(!found.is_empty() && counted(&folder, name).is_none_or(|count| count == found.len()));
            all.extend(found);
        }
        // It was killed while it wrote the last one, or just before it began that.
        assert!(part.len() <= 1, "{part:?}");
        for name in part.iter().filter(|name| fs::metadata(folder.path(name)).unwrap().len() > 0) {
            let (ran, found) = copied(&folder, name);
            let is_whole = ran.code == 0 && ran.stderr.is_empty();
            let is_cut = ran.code == 65 && ran.stderr.contains("in the middle of");
            assert!(is_whole || is_cut, "{ran:?}");
            assert!(counted(&folder, name).is_none_or(|count| count == found.len()), "{name}");
            println!("{} whole files, {} packets in the last, cut off: {is_cut}", whole.len(), found.len());
            all.extend(found);
        }
        assert!(all == made(all.len()), "something is missing between two packets");
    }
}

#[test]
fn what_came_is_in_the_file_while_the_run_goes_on() {
    for name in ["rec.pcap", "rec.pcapng"] {
        let folder = Folder::new();
        let mut child = record(&folder, "rate: 200/s", &format!("path: {name}"));
        let part = format!("{name}.part");
        for more in [3, 50, 100] {
            until("packets are in the file", || {
                fs::metadata(folder.path(&part)).is_ok_and(|file| file.len() > 0)
                    && copied(&folder, &part).1.len() > more
            });
        }
        kill(&mut child);
        assert_eq!(copied(&folder, &part).0.code, 0, "nothing was being written");
    }
}

#[test]
fn a_ring_of_files_outlives_runs_that_are_killed() {
    let folder = Folder::new();
    let sink = "path: rec.pcap, rotate: {count: 500, keep: 4}";
    let number = |name: &String| name["rec-".len()..][..4].parse::<u32>().unwrap();
    let mut before = Vec::new();
    for _ in 0..3 {
        let first = before.last().map_or(1, |last| number(last) + 1);
        let mut child = record(&folder, "rate: 20k/s", sink);
        let news = |names: &[String]| names.iter().any(|name| number(name) > first + 2);
        until("there are new files", || news(&recorded(&folder).0));
        kill(&mut child);
        let (whole, part) = recorded(&folder);
        let mut all = [&whole[..], &part].concat();
        all.sort();
        // The new one may be there before the oldest goes.
        assert!((3..=5).contains(&all.len()), "{all:?}");
        for name in &whole {
            assert_eq!(packets(&folder.read(name)).len(), 500, "{name}");
        }
        assert!(all.iter().all(|name| number(name) >= first || before.contains(name)), "{before:?} {all:?}");
        before = all;
    }
    // What is left of the last run is kept by the next, as one of the four.
    let left = before.last().unwrap().clone();
    let bytes = folder.read(&left);
    folder.write("p.yaml", recorder("count: 1100", sink));
    assert_eq!(folder.sluice(&["run", "-q", "p.yaml"]).code, 0);
    let (whole, part) = recorded(&folder);
    assert_eq!(whole.len() + part.len(), 4, "{whole:?} {part:?}");
    assert_eq!(folder.read(&left), bytes);
    assert!(whole.iter().filter(|name| number(name) > number(&left)).count() == 3, "{whole:?}");
}

#[test]
fn who_records_is_not_disturbed_by_a_second_run() {
    let folder = Folder::new();
    let mut child = record(&folder, "rate: 1k/s", "path: rec.pcap, rotate: {count: 1000000}");
    until("it has begun", || recorded(&folder).1 == ["rec-0001.pcap.part"]);
    let second = folder.sluice(&["run", "-q", "p.yaml"]);
    let told =
        "error: stage `pcap_file`: cannot write `rec-0001.pcap`: another sink or program is writing it\n";
    assert_eq!((second.code, second.stderr.as_str()), (1, told));
    kill(&mut child);
    assert_eq!(recorded(&folder).1, ["rec-0001.pcap.part"]);
}

#[test]
fn a_full_disk_keeps_what_fits() {
    if Command::new("unshare").args(["-m", "true"]).status().map_or(true, |status| !status.success()) {
        return skip("this needs the right to make a mount namespace");
    }
    for (sink, whole) in
        [("path: disk/rec.pcap", false), ("path: disk/rec.pcap, rotate: {size: 200kB}", true)]
    {
        let folder = Folder::new();
        folder.write("p.yaml", recorder("rate: 50k/s", sink));
        fs::create_dir(folder.path("disk")).unwrap();
        // A file system of a megabyte that only this process sees.
        let script = format!(
            "mount -t tmpfs -o size=1m tmpfs disk || exit 99; '{}' run p.yaml; code=$?; cp disk/* .; exit $code",
            binary().display()
        );
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script]).current_dir(folder.root());
        let ran = folder.run(command);
        if ran.code == 99 {
            return skip("this needs the right to mount");
        }
        let (files, part) = recorded(&folder);
        let [part] = &part[..] else { panic!("{part:?}") };
        let name = part.strip_suffix(".part").unwrap();
        let told = format!(
            "error: stage `pcap_file`: cannot write `disk/{name}`: no space left on device; what was written is in `disk/{part}`\n"
        );
        // With rotation, the paths of the pieces lead into the same folder.
        assert_eq!((ran.code, ran.stderr.replace(&*folder.root().to_string_lossy(), "")), (1, told));
        assert_eq!(whole, !files.is_empty());
        let mut all: Vec<_> = files.iter().flat_map(|name| packets(&folder.read(name))).collect();
        let size = fs::metadata(folder.path(part)).unwrap().len();
        if size > 0 {
            let (ran, found) = copied(&folder, part);
            assert!([0, 65].contains(&ran.code), "{ran:?}");
            // All that is whole is there: less is left over than the longest packet with its header has.
            let used: usize = 24 + found.iter().map(|packet| 16 + packet.len()).sum::<usize>();
            assert!(size - (used as u64) < 1530, "{size} {used}");
            all.extend(found);
        }
        assert!(all == made(all.len()) && all.len() > 1000, "{} packets", all.len());
    }
}
