//! What conditions mean, what is refused, and that no condition harms the process.

mod bounds;
mod python;

use std::collections::BTreeSet;

use super::{Condition, ConditionSyntaxError};
use crate::model::{ContentHash, Image, ImageId, ImageStatus, Visibility};

/// The bound of memory counts only under this allocator, here as in the program.
#[global_allocator]
static ALLOCATOR: monty_alloc::LimitedAllocator = monty_alloc::LimitedAllocator;

fn image() -> Image {
    let properties = [("nid", "42"), ("type", "baseimages"), ("kernel_id", "k")];
    Image {
        id: ImageId::new("6e240dd4-e304-4599-b7d8-e38e13cef058"),
        name: "base_centos_7".to_owned(),
        status: ImageStatus::Active,
        visibility: Visibility::Public,
        owner: Some("project".to_owned()),
        content: ContentHash {
            md5: Some("d41d8cd98f00b204e9800998ecf8427e".parse().unwrap()),
            ..ContentHash::default()
        },
        size: Some(12_345),
        disk_format: Some("qcow2".to_owned()),
        container_format: Some("bare".to_owned()),
        min_disk: 0,
        min_ram: 0,
        protected: false,
        os_hidden: false,
        tags: BTreeSet::new(),
        created_at: None,
        updated_at: None,
        provenance: None,
        properties: properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `True`, `False` or the exception's words.
fn outcome(text: &str) -> String {
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    match condition.evaluate(&image(), "Spain", &names(&["nid", "other"])) {
        Ok(true) => "True".to_owned(),
        Ok(false) => "False".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn refused(text: &str) -> ConditionSyntaxError {
    Condition::parse(text).expect_err(text)
}

#[test]
fn conditions_mean_what_python_means() {
    for (text, expected) in [
        ("image.is_public", true),
        (
            "image.is_public and (not metadata_set or metadata_set.intersection(image.user_properties))",
            true,
        ),
        (
            "'nid' in image.user_properties or 'sdc' in image.user_properties",
            true,
        ),
        (
            "image.user_properties.get('type', None) == 'baseimages'",
            true,
        ),
        ("image.user_properties['type'].startswith('base')", true),
        ("metadata_set.intersection(image.user_properties)", true),
        ("metadata_set & {'absent'}", false),
        ("metadata_set - {'nid', 'other'}", false),
        (
            "any(name in image.user_properties for name in metadata_set)",
            true,
        ),
        (
            "all(name in image.user_properties for name in metadata_set)",
            false,
        ),
        ("image.id == '6e240dd4-e304-4599-b7d8-e38e13cef058'", true),
        ("image.owner == 'project' and image.region == 'Spain'", true),
        ("image.checksum == 'd41d8cd98f00b204e9800998ecf8427e'", true),
        (
            "image.status == 'active' and image.visibility == 'public'",
            true,
        ),
        ("10 * 1024 < image.size <= 20 * 1024 ** 2", true),
        ("len(image.user_properties) == 3", true),
        (
            "isinstance(image.size, int) and isinstance(image.user_properties, dict)",
            true,
        ),
        ("isinstance(metadata_set, set)", true),
        (
            "sorted(image.user_properties) == ['kernel_id', 'nid', 'type']",
            true,
        ),
        ("dict(image.user_properties).items()", true),
        ("image", true),
        ("''", false),
        ("()", false),
        ("0.0", false),
        ("None", false),
        ("set()", false),
        ("'False'", true),
        ("1, 2", true),
        ("False # but why", false),
        ("  image.is_public", true),
        ("[\n  image.is_public,\n]", true),
        ("print('unheard') is None", true),
        (
            "f'{image.name}-{image.size:>6}' == 'base_centos_7- 12345'",
            true,
        ),
        ("(lambda name: name.endswith('7'))(image.name)", true),
        ("(size := image.size) and size > 5", true),
        ("'yes' if image.is_public else ''", true),
        ("\u{27}\u{e9}\u{27} != image.name", true),
    ] {
        let expected = if expected { "True" } else { "False" };
        assert_eq!(outcome(text), expected, "{text}");
    }
}

#[test]
fn has_key_of_python_2_is_understood() {
    for (text, expected) in [
        ("image.user_properties.has_key('nid')", "True"),
        ("not image.user_properties.has_key('nid')", "False"),
        ("image.user_properties.has_key('x') == False", "True"),
        (
            "image.user_properties.has_key('nid')and image.user_properties . has_key ( 'type' )",
            "True",
        ),
        (
            "image.user_properties.has_key('nid' if image.is_public else 'x')",
            "True",
        ),
        (
            "image.user_properties.has_key(('x', 'nid')[image.user_properties.has_key('type')])",
            "True",
        ),
        ("({} or image.user_properties).has_key('nid')", "True"),
        ("1 if image.user_properties.has_key('x')else 0", "False"),
        ("image.user_properties.has_key(lambda: 1)", "False"),
        (
            "image.user_properties.has_key(key := 'nid') and key == 'nid'",
            "True",
        ),
        ("{1: 2}.has_key(1) in [True]", "True"),
        (
            "[n for n in metadata_set if image.user_properties.has_key(n)] == ['nid']",
            "True",
        ),
        (
            "f'{image.user_properties.has_key(\"nid\")}' == 'True'",
            "True",
        ),
        (
            "[(1,)].has_key(n for n in [1]) or [[1]].has_key(n for n in [1])",
            "True",
        ),
        (
            "image.user_properties.has_key('nid', 'x')",
            "AttributeError: 'dict' object has no attribute 'has_key'",
        ),
        (
            "image.user_properties.has_key(*['nid'])",
            "AttributeError: 'dict' object has no attribute 'has_key'",
        ),
        (
            "image.user_properties.has_key",
            "AttributeError: 'dict' object has no attribute 'has_key'",
        ),
        ("'a.has_key(1)' == 'a.has_' 'key(1)'", "True"),
    ] {
        assert_eq!(outcome(text), expected, "{text}");
    }
}

#[test]
fn long_chains_are_not_deep() {
    for operator in ["or", "and"] {
        let operand = if operator == "or" { "0" } else { "1" };
        let chain = vec![operand; 1000].join(&format!(" {operator} "));
        let expected = if operator == "or" { "False" } else { "True" };
        assert_eq!(outcome(&chain), expected, "{operator}");
    }
    assert_eq!(
        outcome("1 and 2 and 3 and (0 or 4 or 5 or 6 or 7 or 8) and 9 and [] and 1/0"),
        "False"
    );
    assert_eq!(outcome("(0 or 0 or 0 or 0 or 'x' or 1/0) == 'x'"), "True");
}

#[test]
fn what_raises_says_so_in_pythons_words() {
    for text in [
        "image.colour",
        "img.is_public",
        "image.user_properties['absent']",
        "1 / 0",
        "image.size + 'x'",
        "'x' in image",
        "len(5)",
        "open('/etc/passwd')",
        "__import__('os')",
        "int('x' * 1000)",
        "{}['a\\nb' * 500]",
    ] {
        let words = outcome(text);
        assert!(words.contains("Error"), "{text}: {words}");
        assert!(
            !words.contains('\n') && words.chars().count() <= 300,
            "{words}"
        );
    }
    let said: Vec<String> = [
        "image.colour",
        "img.is_public",
        "1 / 0",
        "image.user_properties['absent']",
        "open('/etc/passwd')",
        "__import__('os')",
    ]
    .iter()
    .map(|text| format!("{text}: {}", outcome(text)))
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    image.colour: AttributeError: 'Image' object has no attribute 'colour'
    img.is_public: NameError: name 'img' is not defined
    1 / 0: ZeroDivisionError: division by zero
    image.user_properties['absent']: KeyError: absent
    open('/etc/passwd'): NotImplementedError: OS function 'open' not implemented with standard execution
    __import__('os'): NameError: name '__import__' is not defined
    ");
}

#[test]
fn what_does_not_parse_is_told_with_line_and_column() {
    let said: Vec<String> = [
        "image.is_public and and image.name",
        "image.is_public and (image.name",
        "image.name == 'x",
        "a <> b",
        "`a`",
        "x = 1",
        "import os",
        "",
        "   \n ",
        "image.is_public\nimage.name",
        "[1,\n  2 3]",
        "'\u{e9}\u{e9}' '",
        "yield 1",
        "await x",
        "[x async for x in y]",
        "*a",
        "a.has_key(",
        "print 'x'",
        "x for x in y",
    ]
    .iter()
    .map(|text| format!("{text:?}: {}", refused(text)))
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    "image.is_public and and image.name": Expected an identifier, but found a keyword `and` that cannot be used here (line 1, column 21)
    "image.is_public and (image.name": unexpected EOF while parsing (line 1, column 32)
    "image.name == 'x": missing closing quote in string literal (line 1, column 15)
    "a <> b": Expected an expression (line 1, column 4)
    "`a`": Got unexpected token ` (line 1, column 1)
    "x = 1": Unexpected token at the end of an expression (line 1, column 3)
    "import os": Expected an identifier, but found a keyword `import` that cannot be used here (line 1, column 1)
    "": Expected an expression (line 1, column 1)
    "   \n ": Expected an expression (line 2, column 2)
    "image.is_public\nimage.name": Unexpected token at the end of an expression (line 2, column 1)
    "[1,\n  2 3]": Expected `,`, found int (line 2, column 5)
    "'éé' '": missing closing quote in string literal (line 1, column 6)
    "yield 1": Yield expression cannot be used here (line 1, column 1)
    "await x": `await` outside a function (line 1, column 1)
    "[x async for x in y]": `async` outside a function (line 1, column 4)
    "*a": Starred expression cannot be used here (line 1, column 1)
    "a.has_key(": unexpected EOF while parsing (line 1, column 11)
    "print 'x'": Unexpected token at the end of an expression (line 1, column 7)
    "x for x in y": Unexpected token at the end of an expression (line 1, column 3)
    "#);
}

#[test]
fn bounds_of_length_and_nesting() {
    assert_eq!(outcome(&format!("'{}'", "x".repeat(8190))), "True");
    assert!(
        refused(&format!("'{}'", "x".repeat(8191)))
            .message
            .contains("longer than 8192")
    );
    assert_eq!(outcome(&("(".repeat(64) + "1" + &")".repeat(64))), "True");
    assert_eq!(outcome(&("not ".repeat(63) + "1")), "False");
    let deep: Vec<String> = vec![
        "(".repeat(65) + "1" + &")".repeat(65),
        "[".repeat(65) + &"]".repeat(65),
        "(".repeat(4000) + "1" + &")".repeat(4000),
        "(".repeat(8192),
        "[(".repeat(2000),
        "not ".repeat(64) + "1",
        "not ".repeat(2000) + "1",
        "-".repeat(8000) + "1",
        "~".repeat(64) + "1",
        "lambda:".repeat(1000) + "1",
        "1 if 1 else ".repeat(600) + "1",
        "a".to_owned() + &".a".repeat(4000),
        "a".to_owned() + &"()".repeat(4000),
        "a".to_owned() + &"[0]".repeat(2000),
        "1".to_owned() + &"+1".repeat(4000),
        "1".to_owned() + &"**1".repeat(2000),
        "{1:".repeat(1000) + "1" + &"}".repeat(1000),
        "f'{".repeat(200) + "1" + &"}'".repeat(200),
        "[x for x in ".repeat(300) + "y" + &"]".repeat(300),
        "await ".repeat(1000) + "1",
        "*".repeat(3000) + "1",
        "a.has_key(".repeat(500) + "1" + &")".repeat(500),
        "(a:=".repeat(1000) + "1" + &")".repeat(1000),
    ];
    for text in deep {
        let error = refused(&text);
        assert!(!error.message.is_empty(), "{}", &text[..20]);
    }
}

#[test]
fn a_condition_may_go_to_any_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Condition>();
}
