//! One page of a list, read while it arrives: each image as soon as its last byte is there, so that
//! of the page itself no more is kept than the image that is just coming.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

/// Why a page is none.
pub(super) const NOT_JSON: &str = "the answer is not JSON";

/// A page in the middle of its arrival.
pub(super) struct PageReader<T> {
    /// What has arrived and was not read yet, from `position` on. As text, so that its characters
    /// are checked all at once and not value by value.
    text: String,
    position: usize,
    /// The beginning of a character whose rest has not arrived.
    cut_off: Vec<u8>,
    /// So much must have arrived before it is worth looking again at a value that was cut off. A
    /// value is looked at a few times at most, in however small pieces it comes.
    worth_looking: usize,
    expected: Expected,
    page: Page<T>,
}

/// What a page holds.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The images in the server's order; none where the page has no `images`.
    pub(super) images: Option<Vec<T>>,
    /// Where the next page is.
    pub(super) next: Option<String>,
}

/// What comes next in the page.
enum Expected {
    Start,
    FirstKey,
    Key,
    Colon(String),
    Value(String),
    AfterValue,
    FirstImage,
    Image,
    AfterImage,
    End,
}

impl<T: DeserializeOwned> PageReader<T> {
    pub(super) fn new() -> Self {
        Self {
            text: String::new(),
            position: 0,
            cut_off: Vec::new(),
            worth_looking: 0,
            expected: Expected::Start,
            page: Page {
                images: None,
                next: None,
            },
        }
    }

    /// Reads on with these bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.add(bytes)?;
        if self.text.len() < self.worth_looking {
            return Ok(());
        }
        while self.step()? {}
        self.text.drain(..self.position);
        self.position = 0;
        self.worth_looking = self.text.len() + self.text.len() / 2;
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut joined = std::mem::take(&mut self.cut_off);
        let bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        // Nearly always; the way below looks at one byte after the other.
        if let Ok(text) = str::from_utf8(bytes) {
            self.text.push_str(text);
            return Ok(());
        }
        let mut left = bytes.len();
        for chunk in bytes.utf8_chunks() {
            self.text.push_str(chunk.valid());
            left -= chunk.valid().len() + chunk.invalid().len();
            let is_cut_off =
                |invalid| str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            // Only at the end may it still become a character.
            match chunk.invalid() {
                [] => {}
                invalid if left == 0 && is_cut_off(invalid) => self.cut_off = invalid.to_vec(),
                _ => return Err(NOT_JSON),
            }
        }
        Ok(())
    }

    /// The page, once all of it has arrived.
    pub(super) fn finish(mut self) -> Result<Page<T>, &'static str> {
        self.worth_looking = 0;
        self.feed(&[])?;
        match self.expected {
            Expected::End if self.cut_off.is_empty() => Ok(self.page),
            _ => Err(NOT_JSON),
        }
    }

    /// Takes one sign or one value; false where that has not arrived.
    fn step(&mut self) -> Result<bool, &'static str> {
        let Some(byte) = self.next_byte() else {
            return Ok(false);
        };
        let next = match (&mut self.expected, byte) {
            (Expected::Start, b'{') => Expected::FirstKey,
            (Expected::FirstKey | Expected::AfterValue, b'}') => Expected::End,
            (Expected::AfterValue, b',') => Expected::Key,
            (Expected::Colon(key), b':') => Expected::Value(std::mem::take(key)),
            (Expected::FirstImage | Expected::AfterImage, b']') => Expected::AfterValue,
            (Expected::AfterImage, b',') => Expected::Image,
            (Expected::FirstKey | Expected::Key, b'"') => match self.take()? {
                Some(key) => return Ok(self.go_on(Expected::Colon(key))),
                None => return Ok(false),
            },
            (Expected::Value(key), b'[') if key == "images" => {
                self.page.images.get_or_insert_default();
                Expected::FirstImage
            }
            (Expected::Value(key), _) if key == "next" => match self.take::<Value>()? {
                Some(value) => {
                    self.page.next = value.as_str().map(ToOwned::to_owned);
                    return Ok(self.go_on(Expected::AfterValue));
                }
                None => return Ok(false),
            },
            (Expected::Value(_), _) => match self.take::<IgnoredAny>()? {
                Some(_) => return Ok(self.go_on(Expected::AfterValue)),
                None => return Ok(false),
            },
            (Expected::FirstImage | Expected::Image, _) => match self.take()? {
                Some(image) => {
                    self.page.images.get_or_insert_default().push(image);
                    return Ok(self.go_on(Expected::AfterImage));
                }
                None => return Ok(false),
            },
            _ => return Err(NOT_JSON),
        };
        self.position += 1;
        Ok(self.go_on(next))
    }

    fn go_on(&mut self, expected: Expected) -> bool {
        self.expected = expected;
        true
    }

    /// The next byte that is no white space.
    fn next_byte(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.position..];
        let blanks = rest.iter().position(|byte| !b" \t\r\n".contains(byte));
        self.position += blanks.unwrap_or(rest.len());
        blanks.map(|blanks| rest[blanks])
    }

    /// Reads a value; none where it, or what comes after it, has not arrived.
    fn take<V: DeserializeOwned>(&mut self) -> Result<Option<V>, &'static str> {
        let rest = &self.text[self.position..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<V>();
        match values.next() {
            Some(Ok(value)) if values.byte_offset() < rest.len() => {
                self.position += values.byte_offset();
                Ok(Some(value))
            }
            Some(Err(error)) if !error.is_eof() => Err(NOT_JSON),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &[u8], piece: usize) -> Result<Page<Value>, &'static str> {
        let mut reader = PageReader::new();
        for piece in text.chunks(piece) {
            reader.feed(piece)?;
        }
        reader.finish()
    }

    #[test]
    fn a_page_is_the_same_in_whatever_pieces_it_comes() {
        let images = json!([
            {"id": "a", "name": "ä \"quoted\" \\ ]},{", "tags": [[], {}], "size": -1.5e3},
            {"id": "b", "nothing": null}, 7, null, "x", [true],
        ]);
        let text = format!(
            " {{\"first\" : \"/v2/images\", \"images\": {images} ,\n\"next\":\"/v2/images?marker=b\", \"n\": 12}} \n"
        );
        for piece in 1..text.len() {
            let page = read(text.as_bytes(), piece).unwrap();
            assert_eq!(Value::from(page.images.unwrap()), images, "{piece}");
            assert_eq!(page.next.as_deref(), Some("/v2/images?marker=b"));
        }
    }

    #[test]
    fn what_is_cut_off_or_wrong_is_no_page() {
        let whole = r#"{"images": [{"id": "a"}, {"id": "b"}], "next": "x"}"#;
        for end in 0..whole.len() {
            assert!(read(&whole.as_bytes()[..end], 5).is_err(), "{end}");
        }
        for wrong in [
            "[]",
            r#"{"images": [{}] "next": 1}"#,
            r#"{"images": [{},]}"#,
            r#"{"images": [,]}"#,
            r#"{"images": [{} {}]}"#,
            r#"{"images": []}}"#,
            r#"{"images": [}"#,
            "{,}",
            r#"{"images"}"#,
            "<html>",
        ] {
            assert!(read(wrong.as_bytes(), 100).is_err(), "{wrong}");
        }
        for wrong in [
            &b"\xff"[..],
            b"{\"a\": \"\xc3x\"}",
            b"{}\xc3",
            b"{\"\xe2\x28\xa1\": 1}",
        ] {
            for piece in 1..=wrong.len() {
                assert!(read(wrong, piece).is_err(), "{wrong:?}");
            }
        }
        assert!(read(br#"{"images": null}"#, 9).unwrap().images.is_none());
        assert!(read(b"{}", 1).unwrap().images.is_none());
        assert_eq!(read(br#"{"images":[]}"#, 2).unwrap().images, Some(vec![]));
    }

    #[test]
    fn of_a_page_only_what_is_coming_is_kept() {
        let image = json!({"id": "a", "name": "x".repeat(1000)}).to_string();
        let mut reader = PageReader::<IgnoredAny>::new();
        reader.feed(br#"{"images": ["#).unwrap();
        for _ in 0..1000 {
            for piece in image.as_bytes().chunks(300) {
                reader.feed(piece).unwrap();
            }
            reader.feed(b", ").unwrap();
            assert!(reader.text.capacity() < 8 * image.len());
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_give_what_the_whole_gives(
            texts in prop::collection::vec(".{0,40}", 0..6),
            cuts in prop::collection::vec(1_usize..60, 1..20),
        ) {
            let page = json!({"images": texts, "next": texts.first()});
            let text = page.to_string();
            let mut reader = PageReader::<Value>::new();
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                reader.feed(piece).unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let read = reader.finish().unwrap();
            prop_assert_eq!(Value::from(read.images.unwrap()), page["images"].clone());
            prop_assert_eq!(read.next.as_ref(), texts.first());
        }
    }
}
