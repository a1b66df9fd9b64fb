//! What the black-box tests share: a folder for each test, the command run in it, and captures made by hand.

pub mod net;

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The user and the group without rights.
pub const NOBODY: u32 = 65_534;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The binary under test: the one that SLUICE_BIN names, or else the one that cargo built next to the tests.
pub fn binary() -> PathBuf {
    let built = || {
        let test = std::env::current_exe().expect("the test knows its own path");
        let profile = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
        profile.join("sluice-under-test")
    };
    std::env::var_os("SLUICE_BIN").map_or_else(built, PathBuf::from)
}

/// Tells that a test is skipped for want of rights or of another program; with SLUICE_NO_SKIP set, as in CI, it fails.
pub fn skip(why: &str) {
    assert!(std::env::var_os("SLUICE_NO_SKIP").is_none(), "skipped, though SLUICE_NO_SKIP is set: {why}");
    println!("skipped: {why}");
}

/// The folder of captures that SLUICE_CORPUS names, relative to the root of the repository; tells that the test is skipped
/// where it names none.
pub fn corpus() -> Option<PathBuf> {
    let Some(named) = std::env::var_os("SLUICE_CORPUS") else {
        println!("skipped: SLUICE_CORPUS names no folder of captures");
        return None;
    };
    let folder = root().join(named);
    Some(folder.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", folder.display())))
}

/// Every file in a folder and in those inside of it, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// What a run of the command did.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A folder that a test runs the command in.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).unwrap_or_else(|e| panic!("{name}: {e}"));
        self
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The names of its files, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there");
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with(".out"));
        names.sort();
        names
    }

    /// The command with these arguments, to be run in this folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("RUST_BACKTRACE").env_remove("NO_COLOR");
        command
    }

    /// The command as a user without rights, if that can be done here; the test is [skipped](skip) if not.
    pub fn as_nobody(&self, args: &[&str]) -> Option<Command> {
        let mut command = self.command(args);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
            let mut may_run = self.command(&["--version"]);
            may_run.uid(NOBODY).gid(NOBODY);
            std::fs::set_permissions(self.root(), Permissions::from_mode(0o777)).expect("the folder is ours");
            if may_run.output().map_or(true, |ran| !ran.status.success()) {
                skip(&format!("a user without rights may not run {}", binary().display()));
                return None;
            }
        }
        Some(command)
    }

    /// Runs the command to its end.
    pub fn sluice(&self, args: &[&str]) -> Ran {
        self.run(self.command(args))
    }

    /// Runs the command with this file as its standard input.
    pub fn sluice_with(&self, args: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(args);
        command.stdin(File::open(self.path(stdin)).unwrap_or_else(|e| panic!("{stdin}: {e}")));
        self.run(command)
    }

    /// Runs a command to its end, and keeps what it wrote.
    pub fn run(&self, mut command: Command) -> Ran {
        // Into files, so that nobody has to read while it runs.
        let (stdout, stderr) = (self.0.path().join(".out1"), self.0.path().join(".out2"));
        let create = |path: &Path| File::create(path).expect("a file for the output");
        let child = command.stdout(create(&stdout)).stderr(create(&stderr)).spawn();
        let status = wait(&mut child.unwrap_or_else(|e| panic!("{command:?}: {e}")));
        let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Ran { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// What another program makes of these bytes; nothing, and the test is [skipped](skip), where there is no such program.
pub fn tool(program: &str, args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let folder = Folder::new();
    folder.write("in", input);
    let mut command = Command::new(program);
    command.args(args).stdin(File::open(folder.path("in")).expect("it was just written"));
    match command.stderr(Stdio::inherit()).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program} {args:?}: {}", output.status);
            Some(output.stdout)
        }
        Err(e) => {
            skip(&format!("there is no `{program}`: {e}"));
            None
        }
    }
}

/// Waits for a process, and fails the test when that takes too long.
pub fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        if Instant::now() > until {
            drop(child.kill());
            panic!("process {} did not end within {PATIENCE:?}", child.id());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until something is so, and fails the test when that takes too long.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A capture file of Ethernet packets: little-endian, microseconds, one packet every millisecond.
pub fn pcap<P: AsRef<[u8]>>(packets: &[P]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for (packet, time) in packets.iter().zip(0u32..) {
        let length = packet.as_ref().len() as u32;
        for word in [1_700_000_000 + time / 1000, time % 1000 * 1000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet.as_ref());
    }
    file
}

/// The packets of a whole little-endian capture file.
pub fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = file.get(24..).unwrap_or_else(|| panic!("{} bytes are no capture", file.len()));
    let mut packets = Vec::new();
    while let Some((header, body)) = rest.split_at_checked(16) {
        let captured = header.get(8..12).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let (packet, after) = body.split_at_checked(captured as usize).expect("a whole packet");
        packets.push(packet.to_vec());
        rest = after;
    }
    assert!(rest.is_empty(), "{} bytes are left behind the last packet", rest.len());
    packets
}

/// Datagrams of a few flows, some whole and some in fragments that come out of order, twice, or not at all.
pub fn fragments() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut random = 1u32;
    let mut below = |n: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % n
    };
    for number in 0..1500u16 {
        let at = |host: u16, port| ([10, 0, 0, host as u8], port).into();
        let payload: Vec<u8> = (0..below(4000)).map(|n| n as u8).collect();
        let whole = sluice::testkit::traffic::udp(at(number % 37, 4000), at(100, 5000), &payload);
        let (head, body) = whole.split_at(34);
        if below(3) == 0 {
            frames.push(whole);
            continue;
        }
        for (piece, bytes) in body.chunks(552).enumerate() {
            let mut frame = [head, bytes].concat();
            let more = (piece + 1) * 552 < body.len();
            let word = (piece * 69) as u16 | u16::from(more) << 13;
            frame[16..18].copy_from_slice(&(20 + bytes.len() as u16).to_be_bytes());
            frame[18..20].copy_from_slice(&number.to_be_bytes());
            frame[20..22].copy_from_slice(&word.to_be_bytes());
            match below(20) {
                0 => {}
                1 => frames.extend([frame.clone(), frame]),
                _ => frames.insert(frames.len() - below(frames.len().min(40) + 1), frame),
            }
        }
    }
    frames
}
