//! The key that somebody probably meant.

use crate::catalogue::KEYS;

/// The known dotted path nearest to this one: the same name in another table, else few letters away.
pub(crate) fn key(path: &str) -> Option<&'static str> {
    let leaf = |path: &str| path.rsplit('.').next().map(str::to_owned);
    let moved = || KEYS.iter().map(|key| key.path).filter(|known| leaf(known) == leaf(path));
    let mut elsewhere = moved();
    match (elsewhere.next(), elsewhere.next()) {
        (Some(only), None) => Some(only),
        (Some(_), Some(_)) => nearest(path, moved()),
        _ => nearest(path, KEYS.iter().map(|key| key.path)),
    }
}

/// The nearest of these words, when it is near enough to be worth saying.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(written: &str, meant: Option<&str>) {
        assert_eq!(super::key(written), meant, "{written}");
    }

    #[test]
    fn a_misspelt_or_misplaced_key_suggests_the_one_that_was_meant() {
        check("tokens.acces_ttl", Some("tokens.access_ttl"));
        check("tokens.overlapp", Some("tokens.overlap"));
        check("token.access_ttl", Some("tokens.access_ttl"));
        check("tokens.public_url", Some("server.public_url"));
        check("cookies.samesite", Some("cookies.same_site"));
        check("foo.listening", None);
        check("nothing.like_it_at_all", None);
    }
}
