//! What in a value was hardly meant as a part of it: quotes around it, or a comment behind it. Both are
//! literal in this dialect, so it is said only where the value turned out to be wrong.

/// What may be wrong with such a value, as the rest of a sentence about it.
pub(super) fn slip(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let is_quoted =
        |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') {
        return Some("the quotes are a part of the value: take them off where they are not meant");
    }
    let has_comment = [" #", "\t#", " ;", "\t;"]
        .iter()
        .any(|mark| text.contains(mark));
    has_comment
        .then_some("a comment is one only on a line of its own: here it is a part of the value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments_are_slips_and_what_looks_like_them_is_none() {
        for text in ["\"x\"", "'x'", "\"\""] {
            assert!(
                slip(text).is_some_and(|said| said.contains("quotes")),
                "{text}"
            );
        }
        for text in ["3 # three", "x\t; why", "http://h/v3  # the old one"] {
            assert!(
                slip(text).is_some_and(|said| said.contains("comment")),
                "{text}"
            );
        }
        for text in ["", "\"", "x#y", "x;y", "\"x'", "#x"] {
            assert_eq!(slip(text), None, "{text}");
        }
    }
}
