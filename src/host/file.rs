//! Files that are read or written whole. A path may lead to anything: a pipe, which one would wait
//! for; a device, which has no end, or which a rename would replace; a link, behind which is
//! somebody else's file.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

/// The most bytes of a small file that is kept in memory: settings, certificates, an id, metrics.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// What becomes of a path whose last part is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It is an error: for files of the program's own.
    Refuse,
    /// It is followed: for files that the operator names.
    Follow,
}

/// How long a pipe may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SilenceLimit(pub Duration);

/// Opens a regular file for reading, and never waits for one who writes.
///
/// # Errors
///
/// It is not there or may not be read; it is a link where those are refused; it is a folder, a pipe,
/// a device or a socket.
pub fn open_regular(path: &Path, links: Links) -> io::Result<File> {
    open(OpenOptions::new().read(true), path, links)
}

/// Opens a regular file of the program's own for appending. Links are refused.
///
/// # Errors
///
/// As [`open_regular`].
pub fn append_regular(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().append(true), path, Links::Refuse)
}

/// Opens as the options say, if what is there is a regular file; also for one that is made.
///
/// # Errors
///
/// As [`open_regular`].
pub(crate) fn open(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    // Some devices do something when they are opened; so they are looked at first.
    match (std::fs::symlink_metadata(path), links) {
        (Ok(facts), Links::Refuse) => regular(facts.file_type())?,
        (Ok(_), Links::Follow) => regular(std::fs::metadata(path)?.file_type())?,
        (Err(error), _) if error.kind() == ErrorKind::NotFound => {}
        (Err(error), _) => return Err(error),
    }
    let mut flags = OFlags::NONBLOCK;
    if links == Links::Refuse {
        flags |= OFlags::NOFOLLOW;
    }
    let file = options
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    // What was looked at may have been exchanged.
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// The content of a regular file of at most `max` bytes.
///
/// # Errors
///
/// As [`open_regular`]; or it has more bytes.
pub fn read_regular(path: &Path, links: Links, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path, links)?
        .take(max + 1)
        .read_to_end(&mut bytes)?;
    within(bytes, max)
}

/// Says whether a file could be put under that name by a rename without harm: nothing is there, or
/// a regular file.
///
/// # Errors
///
/// Something else is there, a link too.
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(facts) => regular(facts.file_type()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The content of a file that the operator names, at most `max` bytes: a regular file, or a pipe such
/// as `<(…)` of a shell, which may be silent for a while. Blocks as long.
///
/// # Errors
///
/// It cannot be read, has more bytes, or was silent for too long.
pub fn read_input(path: &Path, max: u64, silence: SilenceLimit) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return regular(kind).map(|()| Vec::new());
    }
    let mut bytes = Vec::new();
    let mut piece = [0; 8 << 10];
    let mut heard = Instant::now();
    let mut hung_up = false;
    loop {
        match file.read(&mut piece) {
            // A pipe that nobody has opened for writing yet is at its end too.
            Ok(0) if kind.is_fifo() && bytes.is_empty() && !hung_up => {}
            Ok(0) => return Ok(bytes),
            Ok(length) => {
                heard = Instant::now();
                bytes.extend_from_slice(&piece[..length]);
                if bytes.len() as u64 > max {
                    return within(bytes, max);
                }
                continue;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        hung_up = wait(&file, silence, heard)?;
    }
}

/// Waits for something to read; true where the last writer has gone.
fn wait(file: &File, silence: SilenceLimit, since: Instant) -> io::Result<bool> {
    let silent = || {
        let secs = silence.0.as_secs();
        io::Error::other(format!("nothing came out of it for {secs} s"))
    };
    let left = silence.0.checked_sub(since.elapsed()).ok_or_else(silent)?;
    let left = Timespec::try_from(left).map_err(io::Error::other)?;
    let mut asked = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut asked, Some(&left)) {
        Ok(0) => Err(silent()),
        Ok(_) => Ok(asked[0].revents().contains(PollFlags::HUP)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn within(bytes: Vec<u8>, max: u64) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 > max {
        let what = format!("it has more than {} MiB", max >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

fn regular(kind: FileType) -> io::Result<()> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder, not a file"
    } else if kind.is_symlink() {
        "a symbolic link, which is not followed here"
    } else if kind.is_fifo() {
        "a pipe, not a regular file"
    } else if kind.is_socket() {
        "a socket, not a regular file"
    } else {
        "a device, not a regular file"
    };
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!("it is {what}"),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType as NodeType, Mode, mknodat};

    use super::*;
    use crate::wait::wait_until;

    const SOON: SilenceLimit = SilenceLimit(Duration::from_millis(300));
    const LATE: SilenceLimit = SilenceLimit(Duration::from_mins(1));

    fn pipe(path: &Path) {
        mknodat(CWD, path, NodeType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    fn words<T>(result: io::Result<T>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "content").unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        pipe(&path("pipe"));
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let read = |name: &str, links| read_regular(&path(name), links, 100);
        assert_eq!(read("file", Links::Refuse).unwrap(), b"content");
        assert_eq!(read("link", Links::Follow).unwrap(), b"content");
        for (name, links, what) in [
            ("link", Links::Refuse, "symbolic link"),
            ("zero", Links::Follow, "a device"),
            ("/dev/zero", Links::Refuse, "a device"),
            ("pipe", Links::Follow, "a pipe"),
            ("socket", Links::Follow, "a socket"),
            (".", Links::Follow, "a folder"),
            ("none", Links::Follow, "No such file"),
        ] {
            let said = words(read(name, links));
            assert!(said.contains(what), "{name}: {said}");
            let said = words(append_regular(&path(name)));
            assert!(said.contains(what) || name == "zero", "{name}: {said}");
        }
        for (name, fits) in [
            ("file", true),
            ("none", true),
            ("link", false),
            ("pipe", false),
        ] {
            assert_eq!(check_replaceable(&path(name)).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![b'x'; 101]).unwrap();
        for said in [
            words(read_regular(&path, Links::Refuse, 100)),
            words(read_input(&path, 100, LATE)),
            words(read_input(Path::new("/dev/zero"), 100, LATE)),
        ] {
            assert!(said.contains("more than"), "{said}");
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        pipe(&path);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Waits for the reader.
                let mut file = OpenOptions::new().write(true).open(&path).unwrap();
                file.write_all(b"one ").unwrap();
                wait_until("a reader that waits for more", || {
                    rustix::io::ioctl_fionread(&file).unwrap() == 0
                });
                file.write_all(&vec![b'x'; 100_000]).unwrap();
            });
            let bytes = read_input(&path, 1 << 20, LATE).unwrap();
            assert_eq!(bytes.len(), 100_004);
        });
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();
        assert_eq!(read_input(&empty, 100, LATE).unwrap(), b"");
    }

    #[test]
    fn a_silent_pipe_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        pipe(&path);
        let said = words(read_input(&path, 100, SOON));
        assert!(said.contains("nothing came out of it"), "{said}");
        // A writer that says nothing makes no difference.
        let _both = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let said = words(read_input(&path, 100, SOON));
        assert!(said.contains("nothing came out of it"), "{said}");
    }
}
