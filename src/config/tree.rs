//! The text of a YAML or JSON file as a tree whose scalars are what was written, to the letter:
//! `1e3`, `0o17`, `1.50`, `yes` and long digits are texts. Only `clouds` uses it.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::value::RawValue;

/// Deeper than this nothing is read; a file of clouds has some five levels.
const DEEPEST: usize = 64;
/// What `<<` may take over in all, against a file that multiplies itself.
const MOST_MERGED: usize = 100_000;

/// A node of the tree. What an anchor names is shared, and not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Nothing, `null` or `~`.
    Null,
    /// A scalar as it was written, without its quotes.
    Text(String),
    /// A sequence.
    List(Vec<Arc<Node>>),
    /// A mapping, in the order of the file. Keys that are no scalars are left out.
    Map(Vec<(String, Arc<Node>)>),
}

impl Node {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entries()
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// The keys and values of a mapping; none for anything else.
    pub(super) fn entries(&self) -> &[(String, Arc<Self>)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// A scalar that is not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

/// Sets a key, in its first place where it is there already.
pub(super) fn set(entries: &mut Vec<(String, Arc<Node>)>, key: &str, value: Arc<Node>) {
    match entries.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => *known = value,
        None => entries.push((key.to_owned(), value)),
    }
}

/// Where a text stops to be what it should be; the text itself is not repeated, for it may hold a
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Reads JSON. Of a key that occurs again the last counts.
pub(super) fn read_json(text: &str) -> Result<Node, Broken> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| Broken {
        line: error.line(),
        column: error.column(),
    })?;
    from_json(raw, 0).ok_or(Broken { line: 1, column: 1 })
}

fn from_json(raw: &RawValue, depth: usize) -> Option<Node> {
    if depth > DEEPEST {
        return None;
    }
    let text = raw.get();
    match text.as_bytes().first()? {
        b'{' => {
            let members: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let mut entries = members
                .into_iter()
                .map(|(key, value)| Some((key, Arc::new(from_json(value, depth + 1)?))))
                .collect::<Option<Vec<_>>>()?;
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Some(Node::Map(entries))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let items = items
                .into_iter()
                .map(|item| from_json(item, depth + 1).map(Arc::new));
            items.collect::<Option<_>>().map(Node::List)
        }
        b'"' => serde_json::from_str(text).ok().map(Node::Text),
        b'n' => Some(Node::Null),
        _ => Some(Node::Text(text.to_owned())),
    }
}

/// Reads the first document of a YAML text, with anchors and merge keys (`<<`). Of a key that occurs
/// again the last counts.
pub(super) fn read_yaml(text: &str) -> Result<Node, Broken> {
    let mut reader = YamlReader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        merged: 0,
        place: Broken { line: 1, column: 1 },
    };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Node::Null),
            event => {
                let node = reader.node(event, 0)?;
                // What follows has to be YAML too.
                while !matches!(reader.next()?, Event::StreamEnd) {}
                return Ok(Arc::unwrap_or_clone(node));
            }
        }
    }
}

struct YamlReader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Arc<Node>>,
    merged: usize,
    place: Broken,
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Broken> {
        match self.parser.next_event() {
            None => Ok(Event::StreamEnd),
            Some(Ok((event, span))) => {
                self.place = Broken {
                    line: span.start.line(),
                    column: span.start.col() + 1,
                };
                Ok(event)
            }
            Some(Err(error)) => Err(place_of(&error)),
        }
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Arc<Node>, Broken> {
        if depth > DEEPEST {
            return Err(self.place);
        }
        let (anchor, node) = match event {
            Event::Alias(id) => return self.anchors.get(&id).cloned().ok_or(self.place),
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(&text, style)),
            Event::SequenceStart(anchor, _) => (anchor, self.list(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.map(depth)?),
            _ => return Err(self.place),
        };
        let node = Arc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Node, Broken> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Node::List(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, Broken> {
        let mut entries = Vec::new();
        let mut merged: Vec<Arc<Node>> = Vec::new();
        loop {
            let event = self.next()?;
            let is_plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..));
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            match &*key {
                Node::Text(key) if is_plain && key == "<<" => match &*value {
                    Node::List(items) => merged.extend(items.iter().cloned()),
                    _ => merged.push(value),
                },
                Node::Text(key) => set(&mut entries, key, value),
                _ => {}
            }
        }
        for source in merged {
            self.merged += source.entries().len();
            if self.merged > MOST_MERGED {
                return Err(self.place);
            }
            for (key, value) in source.entries() {
                if !entries.iter().any(|(known, _)| known == key) {
                    entries.push((key.clone(), Arc::clone(value)));
                }
            }
        }
        Ok(Node::Map(entries))
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain => Node::Null,
        text => Node::Text(text.to_owned()),
    }
}

fn place_of(error: &ScanError) -> Broken {
    Broken {
        line: error.marker().line(),
        column: error.marker().col() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(node: &Node) -> Vec<(&str, Option<&str>)> {
        node.entries()
            .iter()
            .map(|(key, value)| (key.as_str(), value.text()))
            .collect()
    }

    #[test]
    fn scalars_are_what_was_written() {
        let yaml = "a: 1e3\nb: 0o17\nc: 1.50\nd: 00123456789012345678901234567890\ne: yes\n\
                    f: 2001-01-01\ng: ~\nh: 'null'\ni: \"x\\ty\"\nj: 0x1F\nk: .inf\nl: +7\n\
                    m: 1_000\nn: 12:30:45\no: |\n  two\n  lines\n";
        let node = read_yaml(yaml).unwrap();
        assert_eq!(
            texts(&node),
            [
                ("a", Some("1e3")),
                ("b", Some("0o17")),
                ("c", Some("1.50")),
                ("d", Some("00123456789012345678901234567890")),
                ("e", Some("yes")),
                ("f", Some("2001-01-01")),
                ("g", None),
                ("h", Some("null")),
                ("i", Some("x\ty")),
                ("j", Some("0x1F")),
                ("k", Some(".inf")),
                ("l", Some("+7")),
                ("m", Some("1_000")),
                ("n", Some("12:30:45")),
                ("o", Some("two\nlines\n")),
            ]
        );
        let json = r#"{"a": 1e3, "b": 1.50, "c": 123456789012345678901234567890, "d": "\u00e9\/",
                       "e": null, "f": true, "a": 2E5}"#;
        assert_eq!(
            texts(&read_json(json).unwrap()),
            [
                ("a", Some("2E5")),
                ("b", Some("1.50")),
                ("c", Some("123456789012345678901234567890")),
                ("d", Some("é/")),
                ("e", None),
                ("f", Some("true")),
            ]
        );
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let node =
            read_yaml("a: &a {x: 1, y: 2}\nb: &b {z: 3}\nc:\n  <<: [*a, *b]\n  y: 7\nd: *a\n")
                .unwrap();
        assert_eq!(
            texts(node.get("c").unwrap()),
            [("y", Some("7")), ("x", Some("1")), ("z", Some("3"))]
        );
        assert_eq!(node.get("d"), node.get("a"));
    }

    #[test]
    fn what_is_broken_or_boundless_is_an_error_with_its_place() {
        assert!(read_yaml("a: {b: [").is_err());
        assert_eq!(read_yaml("a: 1\nb: *nowhere\n").unwrap_err().line, 2);
        assert!(read_json("{\"a\": ").is_err());
        assert!(read_yaml(&"[".repeat(10_000)).is_err());
        assert!(read_json(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).is_err());
        // Each anchor doubles the one before; nothing is copied.
        let mut doubling = String::from("a0: &a0 [x]\n");
        for n in 1..60 {
            use std::fmt::Write as _;
            let _ = writeln!(doubling, "a{n}: &a{n} [*a{0}, *a{0}]", n - 1);
        }
        assert!(read_yaml(&doubling).is_ok());
        assert_eq!(read_yaml(""), Ok(Node::Null));
        assert_eq!(read_yaml("# nothing\n---\n"), Ok(Node::Null));
    }
}
