//! A run gives up what it does not need any more, whoever starts it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use sluice::testkit::traffic;
use sluice_tests::{Folder, NOBODY, binary, net, packets, skip, until, wait};

/// Capabilities that may stay: of chown, of access to files, of their owners and their bits.
const OF_FILES: u64 = 0b1_1111;

/// A pipeline that goes on until it is stopped.
const ENDLESS: &str = "\
version: 1
stages:
  - {source: generate, kind: lines, rate: 1k/s}
  - {sink: file, path: out.log}
";

/// The values of a line of the status of every thread of a process.
fn told(child: &Child, line: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status")).unwrap_or_default();
    let value = |status: String| {
        let value = status.lines().find_map(|told| told.strip_prefix(line))?;
        Some(value.trim().to_owned())
    };
    threads.flatten().map(status).filter_map(value).collect()
}

fn sets(child: &Child, name: &str) -> Vec<u64> {
    told(child, name).iter().map(|hex| u64::from_str_radix(hex, 16).unwrap()).collect()
}

/// Runs it until it writes, which may take something to be done, looks at it, and stops it.
fn gives_up(folder: &Folder, mut command: Command, mut poke: impl FnMut()) {
    let mut child = command.spawn().unwrap();
    let out = folder.path("out.log.part");
    until("something came out", || {
        poke();
        fs::metadata(&out).is_ok_and(|file| file.len() > 0)
    });
    assert!(told(&child, "Name:").len() >= 3, "every stage has a thread");
    for name in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
        for set in sets(&child, name) {
            assert_eq!(set & !OF_FILES, 0, "{name} {set:x}");
        }
    }
    assert!(told(&child, "NoNewPrivs:").iter().all(|value| value == "1"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(folder.names().contains(&"out.log".to_owned()));
}

#[test]
fn of_root() {
    let folder = Folder::new();
    folder.write("p.yaml", ENDLESS);
    gives_up(&folder, folder.command(&["run", "-q", "p.yaml"]), || {});
}

/// The program, with capabilities of its own, and a command that runs it as a user without rights.
fn with_capabilities(folder: &Folder, capabilities: &str, args: &[&str]) -> Option<Command> {
    let program = folder.path("sluice");
    fs::copy(binary(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.root(), Permissions::from_mode(0o777)).unwrap();
    match Command::new("setcap").arg(capabilities).arg(&program).output() {
        Err(_) => skip("there is no `setcap`"),
        Ok(output) if !output.status.success() => skip("this needs the right to give capabilities"),
        Ok(_) => {
            let mut command = Command::new(&program);
            command.args(args).current_dir(folder.root()).uid(NOBODY).gid(NOBODY);
            return Some(command);
        }
    }
    None
}

#[test]
fn of_a_program_with_capabilities() {
    let folder = Folder::new();
    folder.write("p.yaml", ENDLESS);
    let all = "cap_net_raw,cap_net_admin,cap_bpf+ep";
    let Some(command) = with_capabilities(&folder, all, &["interfaces", "--json"]) else { return };
    let ran = folder.run(command);
    assert_eq!(ran.stdout.matches("\"may\": true").count(), 3, "{ran:?}");
    let Some(command) = with_capabilities(&folder, all, &["run", "-q", "p.yaml"]) else { return };
    gives_up(&folder, command, || {});
}

/// `CAP_NET_RAW` is enough to capture, in promiscuous mode too, and is gone while packets come.
fn of_somebody_who_captures() {
    net::veth("near", "far");
    let folder = Folder::new();
    for promiscuous in [true, false] {
        folder.write(
            "p.yaml",
            format!(
                "version: 1\n\
                 stages:\n\
                 - {{source: capture, interface: far, promiscuous: {promiscuous}}}\n\
                 - {{sink: pcap_file, path: out.log}}\n"
            ),
        );
        let Some(command) = with_capabilities(&folder, "cap_net_raw+ep", &["run", "-q", "p.yaml"]) else {
            return;
        };
        let mut near = net::sender("near");
        let frame = traffic::udp(([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into(), b"hello");
        let mut mode = Vec::new();
        gives_up(&folder, command, || {
            near.send_to(&frame, None).unwrap().unwrap();
            mode = Command::new("ip").args(["-d", "link", "show", "far"]).output().unwrap().stdout;
        });
        let mode = String::from_utf8(mode).unwrap();
        assert!(mode.contains(&format!("promiscuity {}", u8::from(promiscuous))), "{mode}");
        assert!(packets(&folder.read("out.log")).contains(&frame));
        fs::remove_file(folder.path("out.log")).unwrap();
    }

    let Some(command) = folder.as_nobody(&["run", "-q", "p.yaml"]) else { return };
    let ran = folder.run(command);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("this takes CAP_NET_RAW;") && ran.stderr.contains("`sudo setcap cap_net_raw+ep "),
        "{ran:?}"
    );
}

#[test]
fn of_a_user_who_captures() {
    net::in_namespace("of_a_user_who_captures", of_somebody_who_captures);
}
