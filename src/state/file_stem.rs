//! The name of a region's file.

use crate::model::{RegionName, is_hidden};

/// Bytes of a file's name before a number and an ending: file systems take 255.
const STEM_MAX: usize = 200;

/// The name of a region's log or backup, less its ending: the region's name, with `_` for a `/`, a leading dot,
/// and characters that are not seen, cut at 200 bytes. A colon stays.
pub fn file_stem(region: &RegionName) -> String {
    let mut stem = String::new();
    for c in region.to_string().chars() {
        let leading_dot = stem.is_empty() && c == '.';
        let c = if c == '/' || leading_dot || is_hidden(c) {
            '_'
        } else {
            c
        };
        if stem.len() + c.len_utf8() > STEM_MAX {
            break;
        }
        stem.push(c);
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> RegionName {
        RegionName::new(crate::model::TargetName::master(), name)
    }

    #[test]
    fn names_stay_within_the_folder() {
        for (name, stem) in [
            ("Trento", "Trento"),
            ("a:b", "master:a:b"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            (".hidden", "_hidden"),
            ("a\0b\nc\u{202e}d", "a_b_c_d"),
            ("sp ace", "sp ace"),
        ] {
            assert_eq!(file_stem(&region(name)), stem, "{name:?}");
        }
        assert_eq!(file_stem(&"other:Trento".parse().unwrap()), "other:Trento");
        assert_eq!(file_stem(&region(&"é".repeat(300))).len(), 200);
    }
}
