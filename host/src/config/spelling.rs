//! The known word that a misspelt one was meant to be.

/// The known word that is closest to what was written, if it is close enough to be meant: at most a third of it differs, and swapping
/// two neighbours is one difference. Socket.IO's spelling (`pingInterval`) and dashes count as the same word.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = plain(written);
    known
        .iter()
        .map(|word| (strsim::osa_distance(&written, &plain(word)), *word))
        .filter(|(distance, word)| distance * 3 <= word.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Whether two words are the same but for case, underscores and dashes.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| !matches!(letter, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}
