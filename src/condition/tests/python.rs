//! Conditions, against what `CPython` itself makes of the same text.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Condition, outcome};

/// Evaluates texts with `eval` on the same image, and prints a truth value or an exception's name.
const ORACLE: &str = r#"
import json, sys, types

class Properties(dict):
    def has_key(self, key):
        return key in self

results = []
for text in json.load(sys.stdin):
    image = types.SimpleNamespace(
        id="6e240dd4-e304-4599-b7d8-e38e13cef058", name="base_centos_7", owner="project",
        size=12345, region="Spain", checksum="d41d8cd98f00b204e9800998ecf8427e", status="active",
        is_public=True, visibility="public",
        user_properties=Properties(kernel_id="k", nid="42", type="baseimages"))
    try:
        value = eval(text, {"image": image, "metadata_set": {"nid", "other"}})
        results.append(str(bool(value)))
    except Exception as error:
        results.append(type(error).__name__)
json.dump(results, sys.stdout)
"#;

/// Expressions of the kinds that conditions are made of.
struct Generator {
    state: u64,
}

impl Generator {
    fn next(&mut self, bound: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.state >> 33).unwrap() % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.next(choices.len())]
    }

    fn atom(&mut self) -> String {
        self.one_of(&[
            "image.is_public",
            "image.size",
            "image.name",
            "image.owner",
            "image.checksum",
            "image.status",
            "image.visibility",
            "image.region",
            "image.id",
            "image.absent",
            "image.user_properties",
            "image.user_properties",
            "metadata_set",
            "metadata_set",
            "'nid'",
            "'type'",
            "'x'",
            "''",
            "'base'",
            "0",
            "1",
            "-7",
            "12345",
            "2.5",
            "None",
            "True",
            "False",
            "[]",
            "{}",
            "()",
            "{'nid': 1}",
            "['nid', 'x']",
            "{'nid'}",
            "absent",
            "image.user_properties['nid']",
            "image.user_properties['x']",
        ])
        .to_owned()
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.atom();
        }
        let mut part = || self.expression(depth - 1);
        let (a, b, c) = (part(), part(), part());
        match self.next(24) {
            0 => format!("(not {a})"),
            1 => format!("({a}) and ({b})"),
            2 => format!("({a}) or ({b}) or ({c})"),
            3 => format!("({a} == {b})"),
            4 => format!("({a} != {b})"),
            5 => format!("(({a}) < ({b}))"),
            6 => format!("(({a}) <= ({b}) < ({c}))"),
            7 => format!("(({a}) in ({b}))"),
            8 => format!("(({a}) not in ({b}))"),
            9 => format!(
                "(str({a}) + {})",
                self.one_of(&["'x'", "image.name", "image.size"])
            ),
            10 => format!("(({a}) is None)"),
            11 => format!("(({a}) if ({b}) else ({c}))"),
            12 => format!("len({a})"),
            13 => format!("bool({a})"),
            14 => format!("sorted({a})"),
            15 => format!("({a}).get({b})"),
            16 => format!("image.user_properties.has_key({a})"),
            17 => format!("image.user_properties.has_key({a}) == ({b})"),
            18 => format!("({a}).startswith({b})"),
            19 => format!("metadata_set.intersection({a})"),
            20 => format!("(({a}) & ({b}))"),
            21 => format!("[n for n in ({a}) if n in ({b})]"),
            22 => format!("isinstance({a}, (str, int, dict))"),
            _ => format!("any(n == ({b}) for n in ({a}))"),
        }
    }
}

#[test]
fn generated_conditions_mean_what_they_mean_to_cpython() {
    let Ok(python) = std::env::var("GLANCESYNC_TEST_PYTHON") else {
        println!("not run: GLANCESYNC_TEST_PYTHON names no interpreter");
        return;
    };
    let mut generator = Generator { state: 7 };
    let texts: Vec<String> = (0..2000)
        .map(|number| generator.expression(1 + number % 3))
        .collect();
    let mut child = Command::new(python)
        .args(["-W", "ignore", "-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(&texts).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let expected: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(expected.len(), texts.len());
    let mut differences = Vec::new();
    for (text, expected) in texts.iter().zip(expected) {
        let ours = match Condition::parse(text) {
            Ok(_) => outcome(text),
            Err(_) => "SyntaxError".to_owned(),
        };
        // Which of two exceptions comes first is not the same: an unknown method is found out
        // before its arguments are evaluated in the one, after it in the other.
        let both_raise = [&ours, &expected]
            .iter()
            .all(|words| !matches!(words.as_str(), "True" | "False" | "SyntaxError"));
        // The interpreter does not know CPython's special case for a set within a set.
        let set_in_set =
            text.contains("in (metadata_set)") && ours.contains("unhashable type: 'set'");
        if ours != expected && !both_raise && !set_in_set {
            differences.push(format!("{text}: {ours}, not {expected}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
