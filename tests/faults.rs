//! Bad input and bad luck: one clear sentence, the right exit code, and nothing that looks whole and is not.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use sluice_tests::{Folder, Ran, binary, packets, pcap, skip};

/// Runs `pcap-rewrite` from `in.pcap` to `out.pcap`.
fn rewrite(folder: &Folder) -> Ran {
    folder.sluice(&["run", "pcap-rewrite", "input=in.pcap", "output=out.pcap"])
}

/// It failed with exit code 1, this sentence, and no output that looks whole.
#[track_caller]
fn failed(ran: &Ran, sentence: &str, folder: &Folder) {
    assert_eq!((ran.code, ran.stderr.as_str()), (1, format!("error: {sentence}\n").as_str()));
    assert!(!folder.names().contains(&"out.pcap".to_owned()), "{:?}", folder.names());
}

#[test]
fn what_is_not_a_capture_is_refused() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "is empty, so it is not a capture file"),
        (b"127.0.0.1 - - [14/Nov/2023:22:13:20 +0000]", "is not a capture file"),
        (&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0], "ends in the middle of its file header"),
        (&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "ends in the middle of its gzip data, at byte 8"),
        (
            &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            "ends in the middle of its file header",
        ),
    ];
    for (content, sentence) in cases {
        let folder = Folder::new();
        folder.write("in.pcap", content);
        failed(&rewrite(&folder), &format!("stage `pcap_file`: `in.pcap` {sentence}"), &folder);
    }
}

#[test]
fn an_input_that_cannot_be_opened_is_named() {
    let folder = Folder::new();
    failed(&rewrite(&folder), "stage `pcap_file`: cannot open `in.pcap`: no such file or directory", &folder);
    fs::create_dir(folder.path("in.pcap")).unwrap();
    failed(&rewrite(&folder), "stage `pcap_file`: cannot read `in.pcap`: it is a directory", &folder);
    let ran = folder.sluice(&["run", "pcap-rewrite"]);
    let default = "(that is the default of `input`: set it with `input=...`)";
    let sentence = "stage `pcap_file`: cannot open `examples/data/web.pcap`: no such file or directory";
    failed(&ran, &format!("{sentence} {default}"), &folder);
}

#[test]
fn an_output_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&[[0; 60]]));
    let run =
        |output: &str| folder.sluice(&["run", "pcap-rewrite", "input=in.pcap", &format!("output={output}")]);
    failed(
        &run("no/out.pcap"),
        "stage `pcap_file-2`: cannot write `no/out.pcap`: there is no directory `no`",
        &folder,
    );
    fs::create_dir(folder.path("dir")).unwrap();
    failed(&run("dir"), "stage `pcap_file-2`: cannot write `dir`: it is a directory", &folder);
}

#[test]
fn a_capture_that_is_cut_off_gives_what_it_holds_and_65() {
    let whole = pcap(&[[1; 60], [2; 60], [3; 60]]);
    for (cut, kept) in [(1, 2), (60, 2), (61, 2), (75, 2), (76 + 30, 1), (3 * 76 - 1, 0)] {
        let folder = Folder::new();
        folder.write("in.pcap", &whole[..whole.len() - cut]);
        let ran = rewrite(&folder);
        assert_eq!(ran.code, 65, "{ran:?}");
        let told = format!(
            "warning: stage `pcap_file`: `in.pcap` ends in the middle of record {}, at byte {}; all before it was read\n",
            kept + 1,
            24 + kept * 76
        );
        assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
        assert_eq!(packets(&folder.read("out.pcap")).len(), kept);
    }
}

#[test]
fn a_length_that_cannot_be_true_ends_the_input_there() {
    let folder = Folder::new();
    let mut capture = pcap(&[[1; 60], [2; 60]]);
    capture[24 + 76 + 8..][..4].fill(0xff);
    folder.write("in.pcap", capture);
    let ran = rewrite(&folder);
    assert_eq!(ran.code, 65);
    assert!(
        ran.stderr.contains("`in.pcap` is corrupt: record 2, at byte 100, says that 4294967295 bytes"),
        "{}",
        ran.stderr
    );
    assert_eq!(packets(&folder.read("out.pcap")), [[1; 60]]);
}

#[test]
fn a_full_device_is_told() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&vec![[0; 1000]; 2000]));
    let ran = folder.sluice(&["run", "pcap-rewrite", "input=in.pcap", "output=/dev/full"]);
    failed(&ran, "stage `pcap_file-2`: cannot write `/dev/full`: no space left on device", &folder);
}

#[test]
fn a_full_disk_leaves_nothing_that_looks_whole() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&vec![[0; 1000]; 2000]));
    fs::create_dir(folder.path("disk")).unwrap();
    // A file system of 64 KiB that only this process sees.
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs disk || exit 99; \
         '{}' run pcap-rewrite input=in.pcap output=disk/out.pcap; code=$?; ls disk; exit $code",
        binary().display()
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).current_dir(folder.root());
    if Command::new("unshare").args(["-m", "true"]).status().map_or(true, |status| !status.success()) {
        return skip("this needs the right to make a mount namespace");
    }
    let ran = folder.run(command);
    if ran.code == 99 {
        return skip("this needs the right to mount");
    }
    let sentence = "stage `pcap_file-2`: cannot write `disk/out.pcap`: no space left on device; what was written is in `disk/out.pcap.part`";
    failed(&ran, sentence, &folder);
    assert_eq!(ran.stdout, "out.pcap.part\n");
}

#[test]
fn an_output_that_was_there_before_stays_when_the_run_fails() {
    let folder = Folder::new();
    folder.write("in.pcap", "no capture").write("out.pcap", "from before");
    assert_eq!(rewrite(&folder).code, 1);
    assert_eq!(folder.read("out.pcap"), b"from before");
}

#[test]
fn a_closed_standard_output_is_told() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&vec![[0; 1000]; 2000]));
    for (args, sentence) in [
        (&["list"][..], "cannot write to standard output: broken pipe"),
        (&["show", "rewrite"], "cannot write to standard output: broken pipe"),
        (&["schema"], "cannot write to standard output: broken pipe"),
        (&["--help"], "cannot write to standard output: broken pipe"),
        (&["completions", "bash"], "cannot write to standard output: broken pipe"),
        (
            &["run", "pcap-to-json", "input=in.pcap", "output=-"],
            "stage `file`: cannot write standard output: it was closed by its reader",
        ),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = folder.command(args);
        let output =
            command.stdout(writer).stderr(File::create(folder.path("err")).unwrap()).status().unwrap();
        let told = String::from_utf8(folder.read("err")).unwrap();
        assert_eq!((output.code(), told), (Some(1), format!("error: {sentence}\n")), "{args:?}");
    }
}

#[test]
fn files_that_may_not_be_used_are_named() {
    let folder = Folder::new();
    folder.write("in.pcap", pcap(&[[0; 60]]));
    fs::set_permissions(folder.path("in.pcap"), Permissions::from_mode(0o000)).unwrap();
    let args = ["run", "pcap-rewrite", "input=in.pcap", "output=out.pcap"];
    let Some(command) = folder.as_nobody(&args) else { return };
    failed(&folder.run(command), "stage `pcap_file`: cannot open `in.pcap`: permission denied", &folder);

    fs::set_permissions(folder.path("in.pcap"), Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(folder.path("dir")).unwrap();
    fs::set_permissions(folder.path("dir"), Permissions::from_mode(0o555)).unwrap();
    let args = ["run", "pcap-rewrite", "input=in.pcap", "output=dir/out.pcap"];
    let Some(command) = folder.as_nobody(&args) else { return };
    failed(
        &folder.run(command),
        "stage `pcap_file-2`: cannot write `dir/out.pcap`: permission denied",
        &folder,
    );
}

#[test]
fn a_control_socket_that_cannot_be_made_is_told_before_anything_runs() {
    let folder = Folder::new();
    folder.write("in.log", "a\n");
    let args = ["run", "log-to-file", "input=in.log", "output=out.log", "--control", "no/socket"];
    let ran = folder.sluice(&args);
    assert_eq!((ran.code, folder.names()), (1, vec!["in.log".to_owned()]));
    assert_eq!(ran.stderr, "error: cannot listen at `no/socket`: no such file or directory\n");
    let ran = folder.sluice(&["status", "--control", "no/socket"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (1, "error: no run answers at `no/socket`: no such file or directory\n")
    );
}

#[test]
fn an_appended_log_keeps_what_it_had() {
    let folder = Folder::new();
    folder.write("in.log", "new\n").write("out.log", "old\n");
    folder.write(
        "p.yaml",
        "version: 1\nstages:\n- {source: file, path: in.log}\n- {sink: file, path: out.log, append: true}\n",
    );
    assert_eq!(folder.sluice(&["run", "p.yaml", "-q"]).code, 0);
    assert_eq!(folder.read("out.log"), b"old\nnew\n");
    // Nobody else has it open now.
    drop(OpenOptions::new().write(true).open(folder.path("out.log")).unwrap());
}
