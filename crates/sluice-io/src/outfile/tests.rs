use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, part) = (folder.path().join("x.log"), folder.path().join("x.log.part"));
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut file = OutFile::create(&path).unwrap();
    file.write(b"new ").unwrap();
    file.write(&[b'x'; LARGE]).unwrap();
    file.flush().unwrap();
    assert_eq!((fs::read(&path).unwrap(), fs::read(&part).unwrap().len()), (b"old".to_vec(), LARGE + 4));
    file.finish().unwrap();
    assert_eq!((fs::read(&path).unwrap().len() as u64, part.exists()), (file.len(), false));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_file_given_up_stays_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    // What another run left is overwritten.
    fs::write(folder.path().join("x.log.part"), "a longer text than this run's").unwrap();
    let mut file = OutFile::create(&path).unwrap();
    file.write(b"half").unwrap();
    file.flush().unwrap();
    drop(file);
    assert!(!path.exists());
    assert_eq!(fs::read(folder.path().join("x.log.part")).unwrap(), b"half");
}

#[test]
fn what_a_link_points_to_is_replaced_and_not_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let mut file = OutFile::create(&link).unwrap();
    file.write(b"new").unwrap();
    file.finish().unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"new");
}

#[test]
fn appending_leaves_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    for line in ["one\n", "two\n"] {
        let mut file = OutFile::append(&path).unwrap();
        file.lines(line.as_bytes()).unwrap();
        file.finish().unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
}

#[test]
fn only_the_last_line_may_lack_its_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.log");
    let mut file = OutFile::create(&path).unwrap();
    for line in ["one", "", "two\n", "three"] {
        file.lines(line.as_bytes()).unwrap();
    }
    file.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\nthree");
}

#[test]
fn what_cannot_be_written_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    let shown = |name: &str| inside(name).display().to_string();
    let expected = format!("cannot write `{}`: there is no directory `{}`", shown("a/b"), shown("a"));
    assert_eq!(message(OutFile::create(&inside("a/b"))), expected);
    let expected = format!("cannot write `{}`: it is a directory", folder.path().display());
    assert_eq!(message(OutFile::create(folder.path())), expected);
    assert_eq!(message(OutFile::append(folder.path())), expected);

    let _first = OutFile::create(&inside("x")).unwrap();
    let expected = format!("cannot write `{}`: another sink or program is writing it", shown("x"));
    assert_eq!(message(OutFile::create(&inside("x"))), expected);

    let sealed = inside("sealed");
    fs::create_dir(&sealed).unwrap();
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o500)).unwrap();
    if File::create(sealed.join("probe")).is_ok() {
        return eprintln!("skipped: this user may write everywhere");
    }
    assert!(message(OutFile::create(&sealed.join("x"))).ends_with("x`: permission denied"));
}

#[test]
fn a_full_disk_is_said_in_one_sentence() {
    let mut file = OutFile::create(Path::new("/dev/full")).unwrap();
    assert_eq!(message(file.write(&[0; LARGE])), "cannot write `/dev/full`: no space left on device");
    file.write(b"short").unwrap();
    assert_eq!(message(file.finish()), "cannot write `/dev/full`: no space left on device");
}

#[test]
fn where_the_unfinished_file_is_left_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let file = OutFile::create(&path).unwrap();
    let full = io::Error::from(rustix::io::Errno::NOSPC);
    let (path, part) = (path.display(), file.rename.as_ref().unwrap().0.display());
    let expected = format!("cannot write `{path}`: no space left on device; what was written is in `{part}`");
    assert_eq!(file.failed(full).to_string(), expected);
}

#[test]
fn a_reader_that_goes_away_is_said_in_one_sentence() {
    let (reader, writer) = io::pipe().unwrap();
    let mut file = OutFile::with(std::os::fd::OwnedFd::from(writer).into(), "standard output".into(), None);
    drop(reader);
    file.write(b"text").unwrap();
    assert_eq!(message(file.flush()), "cannot write standard output: it was closed by its reader");
}

#[test]
fn a_fifo_is_written_directly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    // A reader that is open for writing too, so that neither side waits for the other.
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut file = OutFile::create(&path).unwrap();
    file.write(b"text").unwrap();
    file.flush().unwrap();
    let mut read = [0; 4];
    reader.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"text");
    file.finish().unwrap();
    assert!(!folder.path().join("fifo.part").exists());
}
