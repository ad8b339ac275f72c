//! The dialect, against what Python's own `configparser` makes of the same text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use crate::config::ini::{self, IniFile};

/// Sections with their keys; the last of a repeated key, as `configparser` has it.
type Plain = Vec<(String, BTreeMap<String, String>)>;

fn plain(file: IniFile) -> Plain {
    let section = |section: ini::IniSection| {
        let entries = section.entries.into_iter();
        let values = entries.map(|entry| (entry.key, entry.value)).collect();
        (section.name, values)
    };
    file.sections.into_iter().map(section).collect()
}

/// One line for a whole file, or the lines that are wrong.
fn shown(text: &str) -> String {
    match ini::parse(text) {
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(|error| error.line.to_string()).collect();
            format!("wrong: {}", lines.join(","))
        }
        Ok(file) => plain(file)
            .iter()
            .fold(String::new(), |mut line, (name, values)| {
                write!(line, "[{name}]").unwrap();
                for (key, value) in values {
                    write!(line, "{key}={value};").unwrap();
                }
                line
            }),
    }
}

/// Texts, and what `configparser` made of them (its lines joined by one space).
const RECORDED: [(&str, &str); 44] = [
    ("", ""),
    ("[a]\nk = v", "[a]k=v;"),
    ("[a]\nk: v", "[a]k=v;"),
    ("[a]\nk=v=w:x", "[a]k=v=w:x;"),
    ("[a]\nk : v = w", "[a]k=v = w;"),
    ("[a]\nurl = http://h:5000/v3", "[a]url=http://h:5000/v3;"),
    ("[a]\nKey With SPACES = v", "[a]key with spaces=v;"),
    ("[a]\nk =", "[a]k=;"),
    ("[a]\nk = \n", "[a]k=;"),
    (
        "[a]\n# c\n; d\n  # e\n\t; f\nk = v # no comment ; here",
        "[a]k=v # no comment ; here;",
    ),
    ("[a]\nk = #v", "[a]k=#v;"),
    ("[a]\nk = 'v'\nl = \"w\"", "[a]k='v';l=\"w\";"),
    ("[a]\nk = 100%\nl = %(k)s", "[a]k=100%;l=%(k)s;"),
    ("[a]\nk = a\\tb\\\\\nl = c\\", "[a]k=a\\tb\\\\;l=c\\;"),
    ("[a]\nk = one\n two\n\tthree", "[a]k=one two three;"),
    ("[a]\nk =\n  one,\n  two", "[a]k=one, two;"),
    (
        "[a]\nk = one\n# c\n two\n  ; d\n three",
        "[a]k=one two three;",
    ),
    ("[a]\nk = one\n\n two\nl = 1", "[a]k=one two;l=1;"),
    ("[a]\nk = one\n\n\nl = 1", "[a]k=one;l=1;"),
    ("[a]\nk = one\n  l = 1", "[a]k=one l = 1;"),
    ("[a]\nk = one\n  [b]\nl = 1", "[a]k=one [b];l=1;"),
    ("[a]\n  k = one\n  l = 1\n    two", "[a]k=one;l=1 two;"),
    ("[a]\n  k = one\n l = 1", "[a]k=one;l=1;"),
    ("  [a]\nk = one", "[a]k=one;"),
    ("  [a]\n    k = one\n      two\n  [b]\n", "[a]k=one two;[b]"),
    ("[a]\nk = one\\\n two \\\n three\\", "[a]k=one two three\\;"),
    ("[a]\nk = one \\\n\n two", "[a]k=one two;"),
    ("[a]\nk = one\\\nl = 2", "[a]k=one\\;l=2;"),
    ("[a]\nk = 1\n[b]\nk = 2\n[a]\nl = 3", "[a]k=1;l=3;[b]k=2;"),
    ("[a]\nk = 1\nK = 2", "[a]k=2;"),
    (
        "[a]\n[A]\n[DEFAULT]\nk = 1\n[default]",
        "[a][A][DEFAULT]k=1;[default]",
    ),
    (
        "[a b]\n[ c ]\n[d]e]\n[f] # g\n[h]k = v",
        "[a b][ c ][d]e][f][h]",
    ),
    ("[]x]\nk=v", "[]x]k=v;"),
    ("[a]\n[b = c", "[a][b=c;"),
    ("[a]\r\nk = v\r\n w\r\n", "[a]k=v w;"),
    ("[a]\rk = v\r", "[a]k=v;"),
    ("[a]\n\u{a0}k\u{2003}=\u{3000}v\u{1f}\n", "[a]k=v;"),
    (
        "[a]\nk = v\u{c}w\u{85}x\u{2028}y",
        "[a]k=v\u{c}w\u{85}x\u{2028}y;",
    ),
    ("[\u{c4}]\n\u{c4} = \u{e9}", "[\u{c4}]\u{e4}=\u{e9};"),
    ("[a]\nk", "wrong: 2"),
    ("[a]\n= v\nk = 1\n: w\n[]", "wrong: 2,4,5"),
    ("k = v\nl", "wrong: 1"),
    ("\n# c\n  k = v", "wrong: 3"),
    ("[a\nk = v", "wrong: 1"),
];

#[test]
fn recorded_files_read_as_configparser_read_them() {
    for (text, expected) in RECORDED {
        assert_eq!(shown(text), expected, "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    assert_eq!(shown("\u{feff}[a]\nk = v"), "[a]k=v;");
}

#[test]
fn lines_of_the_file_are_kept() {
    let file = ini::parse("# c\n[a]\nk = one \\\n\n  two\n\n[b]\n[a]\nk = x").unwrap();
    let [a, b] = &file.sections[..] else {
        panic!("two sections");
    };
    assert_eq!((a.line, b.line), (2, 7));
    assert_eq!([a.entries[0].line, a.entries[1].line], [3, 9]);
    let places: Vec<_> = a.entries[0]
        .pieces
        .iter()
        .map(|piece| {
            (
                piece.offset,
                piece.line,
                piece.column,
                piece.source.as_str(),
            )
        })
        .collect();
    assert_eq!(places, [(0, 3, 4, "k = one \\"), (4, 5, 2, "  two")]);
}

#[test]
fn what_is_wrong_is_said_without_the_line_itself() {
    let errors = ini::parse("[a]\npassword hunter2\n= x\n").unwrap_err();
    let said: Vec<String> = errors
        .iter()
        .chain(&ini::parse("hunter2").unwrap_err())
        .map(|error| format!("{}: {error}", error.line))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    2: the line is neither a section nor `key = value` nor the indented rest of a value
    3: there is no key before the delimiter; write `key = value`
    1: the line is before the first section; put a line such as `[main]` above it
    ");
}

proptest! {
    #[test]
    fn no_text_upsets_the_reader(text in "[a-c=:#; \t\n\r\\[\\]\\\\%|'\"\u{a0}]{0,60}") {
        let _ = ini::parse(&text);
    }

    #[test]
    fn every_value_of_one_line_comes_out_as_it_went_in(value in "[^\\s\\pC]|[^\\s\\pC][^\\pC\n\r]{0,30}[^\\s\\pC]") {
        let text = format!("[a]\npassword = {value}\nnext = 1\n");
        let file = ini::parse(&text).unwrap();
        prop_assert_eq!(&file.sections[0].entries[0].value, &value);
        prop_assert_eq!(file.sections[0].entries.len(), 2);
    }

    #[test]
    fn every_name_of_a_section_comes_out_as_it_went_in(name in "[^\\pC\n\r]{1,20}") {
        let file = ini::parse(&format!("[{name}]\nk = v\n")).unwrap();
        prop_assert_eq!(&file.sections[0].name, &name);
    }

    #[test]
    fn where_a_value_was_cut_does_not_matter(words in prop::collection::vec("[a-z=:#%\\]]{1,8}", 1..6)) {
        // A line that begins with `#` would be a comment.
        let words: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
        let one = ini::parse(&format!("[a]\nk = {}\n", words.join(" "))).unwrap();
        for joint in ["\n ", "\\\n\t", " \\\n\n  ", "\n# comment\n  "] {
            let cut = ini::parse(&format!("[a]\nk = {}\n", words.join(joint))).unwrap();
            prop_assert_eq!(&cut.sections[0].entries[0].value, &one.sections[0].entries[0].value);
        }
    }
}

/// Reads texts with `configparser`, as the dialect is defined, and prints what it finds.
const ORACLE: &str = r#"
import configparser, json, sys, tempfile, os

def joined(value):
    lines = value.split("\n")
    cut = [l[:-1] if l.endswith("\\") and i < len(lines) - 1 else l for i, l in enumerate(lines)]
    return " ".join(l.strip() for l in cut if l.strip())

results = []
for text in json.load(sys.stdin):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", delete=False) as f:
        f.write(text)
    try:
        parser.read(f.name, encoding="utf-8")
        sections = {name: dict(values) for name, values in parser._sections.items()}
        if "[DEFAULT]" in text:
            sections["DEFAULT"] = dict(parser.defaults())
        results.append({n: {k: joined(v) for k, v in s.items()} for n, s in sections.items()})
    except configparser.Error:
        results.append(None)
    os.unlink(f.name)
json.dump(results, sys.stdout)
"#;

/// Files made of pieces that the dialect treats specially.
fn generated() -> Vec<String> {
    const PIECES: [&str; 40] = [
        "[a]\n",
        "[b]\n",
        "[DEFAULT]\n",
        "  [a]\n",
        "[a] x\n",
        "[a]b]\n",
        "[]\n",
        "[ a]\n",
        "k = v\n",
        "k: v\n",
        "K=w\n",
        "l\n",
        "l =\n",
        " m = 1\n",
        "\tm = 1\n",
        "    n: 2\n",
        "# c\n",
        "  # c\n",
        "; c\n",
        "   ;c\n",
        "\n",
        "  \n",
        "\t\n",
        "two\n",
        "  two\n",
        "  two\\\n",
        "k = one\\\n",
        "k = one \\\n",
        "\\\n",
        "  \\\n",
        "= v\n",
        "k = v # c\n",
        "k = v ; c\n",
        "k = \"q\n",
        "k = %(l)s%\n",
        "\r\n",
        "k = v\r\n",
        "  x\r",
        "\u{a0}k = v\n",
        "k == v\n",
    ];
    // A fixed sequence: a failure must come again.
    let mut state: u64 = 42;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % bound
    };
    (0..3000)
        .map(|_| {
            let mut text = if next(8) > 0 { "[a]\n" } else { "" }.to_owned();
            for _ in 0..=next(9) {
                text.push_str(PIECES[next(PIECES.len())]);
            }
            text
        })
        .collect()
}

#[test]
fn generated_files_read_as_configparser_reads_them() {
    let Ok(python) = std::env::var("GLANCESYNC_TEST_PYTHON") else {
        println!("not run: GLANCESYNC_TEST_PYTHON names no interpreter");
        return;
    };
    let mut texts = generated();
    texts.extend(RECORDED.iter().map(|(text, _)| (*text).to_owned()));
    let mut child = Command::new(python)
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(&texts).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let results: Vec<Option<BTreeMap<String, BTreeMap<String, String>>>> =
        serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results.len(), texts.len());
    let whole = results.iter().flatten().count();
    assert!(whole > 500, "only {whole} files are no errors");
    for (text, expected) in texts.iter().zip(results) {
        let ours = ini::parse(text)
            .ok()
            .map(|file| plain(file).into_iter().collect());
        assert_eq!(ours, expected, "{text:?}");
    }
}
