//! The right word for a mistake.

/// The name that is nearest to `word`, when one is near enough to have been meant. A third of the
/// letters may be wrong, and one at least; two letters turned count as one, and case for nothing.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    names
        .into_iter()
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&word, &name.to_lowercase());
            (distance, name)
        })
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let names = ["Trento", "Lannion", "other:Berlin"];
        assert_eq!(did_you_mean("trneto", names), Some("Trento"));
        assert_eq!(did_you_mean("Lanion", names), Some("Lannion"));
        assert_eq!(did_you_mean("Prague", names), None);
        assert_eq!(did_you_mean("", names), None);
    }
}
