//! Lines of files that somebody else may have written, or is writing right now: read one by one,
//! whatever their size and number, and never held in memory as a whole.

use std::io::{self, BufRead};

/// Bytes of a line that are kept; the rest of a longer one is passed over.
const LINE_MAX: usize = 64 << 10;

/// Reads a file line by line. After the end of what is there it can be asked again, as long as
/// somebody writes on.
#[derive(Debug)]
pub struct LogLines<R> {
    reader: R,
    line: Vec<u8>,
    is_cut: bool,
    is_given: bool,
}

impl<R: BufRead> LogLines<R> {
    /// Begins where the reader stands.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            is_cut: false,
            is_given: false,
        }
    }

    /// The next whole line without its end; none where there is none yet. What is no UTF-8 is
    /// replaced by `U+FFFD`, and a line of more than 64 KiB ends in `…`.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        if self.is_given {
            self.line.clear();
            self.is_cut = false;
            self.is_given = false;
        }
        loop {
            let available = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                available => available?,
            };
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let piece = &available[..end.unwrap_or(available.len())];
            let room = LINE_MAX - self.line.len();
            self.is_cut |= piece.len() > room;
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = piece.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(self.give()));
            }
        }
    }

    /// What stands after the last line end: half a line, of one who was cut off or still writes.
    pub fn half_line(&mut self) -> Option<String> {
        (!self.is_given && !self.line.is_empty()).then(|| self.give())
    }

    fn give(&mut self) -> String {
        self.is_given = true;
        let mut text = String::from_utf8_lossy(&self.line).into_owned();
        if self.is_cut {
            text.push('…');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Read};

    use super::*;

    fn all(bytes: &[u8], capacity: usize) -> Vec<String> {
        let mut lines = LogLines::new(BufReader::with_capacity(capacity, Cursor::new(bytes)));
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            found.push(line);
        }
        found.extend(lines.half_line());
        found
    }

    #[test]
    fn lines_are_the_same_whatever_the_buffer() {
        for capacity in [1, 2, 3, 100] {
            assert_eq!(all(b"one\n\ntwo\nhal", capacity), ["one", "", "two", "hal"]);
            assert_eq!(all(b"a\xff\n", capacity), ["a\u{fffd}"]);
            assert!(all(b"", capacity).is_empty());
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut long = vec![b'x'; LINE_MAX * 3];
        long.extend_from_slice(b"\nnext\n");
        let lines = all(&long, 1000);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), LINE_MAX + '…'.len_utf8());
        assert_eq!(lines[1], "next");
        let exact = [&vec![b'x'; LINE_MAX][..], b"\n"].concat();
        assert_eq!(all(&exact, 1000)[0].len(), LINE_MAX);
    }

    #[test]
    fn half_a_line_is_completed_when_the_rest_comes() {
        struct Growing(Vec<&'static [u8]>);
        impl Read for Growing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let piece = if self.0.is_empty() {
                    &[][..]
                } else {
                    self.0.remove(0)
                };
                buffer[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            }
        }
        let file = Growing(vec![b"one\nha", b"", b"lf\n", b""]);
        let mut lines = LogLines::new(BufReader::new(file));
        assert_eq!(lines.next_line().unwrap().as_deref(), Some("one"));
        assert_eq!(lines.next_line().unwrap(), None);
        assert_eq!(lines.next_line().unwrap().as_deref(), Some("half"));
        assert_eq!(lines.next_line().unwrap(), None);
        assert_eq!(lines.half_line(), None);
    }
}
