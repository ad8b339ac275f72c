//! One glob of `--image`: `*`, `?`, `[…]`, and alternatives in braces.

use glob::Pattern;

/// One glob as it was written, and those without braces that it stands for.
#[derive(Debug, Clone)]
pub(super) struct ImageGlob {
    text: String,
    patterns: Vec<Pattern>,
}

/// As many globs may stand in the braces of one.
const ALTERNATIVES_MAX: usize = 1000;

/// The text is not a glob.
#[derive(Debug, thiserror::Error)]
pub enum ImageFilterError {
    /// Its `[…]` or `**`.
    #[error("`{glob}` is not a valid glob: {} at its character {}", source.msg, source.pos + 1)]
    Syntax {
        /// The glob, without braces.
        glob: String,
        /// What is wrong.
        source: glob::PatternError,
    },
    /// Its braces.
    #[error("`{glob}` stands for more than {ALTERNATIVES_MAX} globs: write fewer braces")]
    TooMany {
        /// The glob.
        glob: String,
    },
}

impl ImageGlob {
    pub(super) fn new(text: &str) -> Result<Self, ImageFilterError> {
        let alternatives = alternatives(text).ok_or_else(|| ImageFilterError::TooMany {
            glob: text.to_owned(),
        })?;
        let patterns = alternatives
            .iter()
            .map(|alternative| {
                Pattern::new(alternative).map_err(|source| ImageFilterError::Syntax {
                    glob: alternative.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            patterns,
        })
    }

    /// The glob as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }
}

/// The globs that one with `{a,b}` stands for; none where they are too many. As in a shell, braces
/// without a comma between them, or without a partner, are ordinary characters.
fn alternatives(glob: &str) -> Option<Vec<String>> {
    let mut open = vec![glob.to_owned()];
    let mut done = Vec::new();
    while let Some(glob) = open.pop() {
        match first_braces(&glob) {
            None => done.push(glob),
            Some((start, commas, end)) => {
                let mut from = start + 1;
                for to in commas.into_iter().chain([end]) {
                    let (before, after) = (&glob[..start], &glob[end + 1..]);
                    open.push(format!("{before}{}{after}", &glob[from..to]));
                    from = to + 1;
                }
            }
        }
        if open.len() + done.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    Some(done)
}

/// Where the first braces with a comma between them begin, have their commas, and end.
fn first_braces(glob: &str) -> Option<(usize, Vec<usize>, usize)> {
    let starts = outside_classes(glob).filter(|(_, letter)| *letter == '{');
    for (start, _) in starts {
        let mut depth = 0;
        let mut commas = Vec::new();
        for (at, letter) in outside_classes(glob).skip_while(|(at, _)| *at < start) {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => commas.push(at),
                _ => {}
            }
            if depth == 0 {
                if commas.is_empty() {
                    break;
                }
                return Some((start, commas, at));
            }
        }
    }
    None
}

/// The characters that are in no `[…]`, with their places. A `]` that comes first within belongs to it.
fn outside_classes(glob: &str) -> impl Iterator<Item = (usize, char)> {
    let mut class_ends = 0;
    glob.char_indices().filter(move |(at, letter)| {
        if *at < class_ends {
            return false;
        }
        if *letter == '[' {
            let inner = &glob[at + 1..];
            let negation = usize::from(inner.starts_with('!'));
            let rest = inner.char_indices().skip(negation + 1);
            if let Some((end, _)) = rest.into_iter().find(|(_, letter)| *letter == ']') {
                class_ends = at + 1 + end + 1;
            }
        }
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_one_glob_each() {
        for (glob, names, others) in [
            ("{a,b}", &["a", "b"][..], &["ab", "{a,b}"][..]),
            (
                "base_{c*,d?}_1",
                &["base_cent_1", "base_d1_1"],
                &["base_d_1"],
            ),
            ("{a,b{c,d}}", &["a", "bc", "bd"], &["b"]),
            ("{a,}x", &["ax", "x"], &["bx"]),
            ("{a}", &["{a}"], &["a"]),
            ("{a,b", &["{a,b"], &["a"]),
            ("{x{a,b}", &["{xa", "{xb"], &["xa"]),
            ("a,b}", &["a,b}"], &["a"]),
            ("[{]a,b}", &["{a,b}"], &["a"]),
            ("[]{]{a,b}", &["]a", "{b"], &["a"]),
            ("[!{]{a,b}", &["xa"], &["{a"]),
        ] {
            let image_glob = ImageGlob::new(glob).unwrap();
            for name in names {
                assert!(image_glob.matches(name), "{glob} {name}");
            }
            for name in others {
                assert!(!image_glob.matches(name), "{glob} {name}");
            }
        }
    }

    #[test]
    fn too_many_alternatives_and_a_bad_class_are_refused() {
        let error = ImageGlob::new(&"{a,b}".repeat(40)).unwrap_err();
        assert!(error.to_string().contains("more than 1000"), "{error}");
        assert!(ImageGlob::new("{a,[}").is_err());
    }
}
