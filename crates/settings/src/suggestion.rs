//! The key that somebody probably meant.

use crate::{
    catalogue::{self, KEYS, Key},
    sieve::dotted,
};

/// What was probably meant by this path of a table: a key of the same table where there are many of it, else the
/// same name in another table, else few letters away.
pub(crate) fn key(table: &str, path: &[String]) -> Option<String> {
    let (name, parent) = path.split_last()?;
    let is_repeated = catalogue::repeated(table).is_some();
    if is_repeated && let Some(meant) = nearest(name, catalogue::of_table(table).map(Key::name)) {
        return Some(dotted(&[parent, &[meant.to_owned()]].concat()));
    }
    let root = |table: &str| table.split('.').next().map(str::to_owned);
    let near = |key: &&Key| catalogue::repeated(key.table()).is_none() || root(key.table()) == root(table);
    let written = format!("{table}.{name}");
    let moved: Vec<&Key> = KEYS.iter().filter(near).filter(|key| key.name() == name).collect();
    let meant = match moved.as_slice() {
        [only] => only.path,
        [] if is_repeated => return None,
        [] => nearest(&written, KEYS.iter().filter(near).map(|key| key.path).chain(catalogue::repeated_tables()))?,
        several => nearest(&written, several.iter().map(|key| key.path))?,
    };
    Some(KEYS.iter().find(|key| key.path == meant).map_or_else(|| catalogue::head(meant), Key::shown))
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
        let path: Vec<String> = written.split('.').map(str::to_owned).collect();
        let table = match path.as_slice() {
            [root, table, _, _] => format!("{root}.{table}"),
            _ => path[0].clone(),
        };
        assert_eq!(super::key(&table, &path).as_deref(), meant, "{written}");
    }

    #[test]
    fn a_misspelt_or_misplaced_key_suggests_the_one_that_was_meant() {
        check("tokens.acces_ttl", Some("tokens.access_ttl"));
        check("tokens.overlapp", Some("tokens.overlap"));
        check("token.access_ttl", Some("tokens.access_ttl"));
        check("tokens.public_url", Some("server.public_url"));
        check("cookies.samesite", Some("cookies.same_site"));
        check("server.issuer", Some("tokens.issuer"));
        check("foo.listening", None);
        check("nothing.like_it_at_all", None);
    }

    #[test]
    fn a_key_of_one_table_of_many_suggests_one_of_the_same_table_first() {
        check("gateway.routes.1.upstrem", Some("gateway.routes[1].upstream"));
        check("gateway.issuers.users.acess_pointer", Some("gateway.issuers.users.access_pointer"));
        check("gateway.routes.1.replay_bytes", Some("gateway.replay_bytes"));
        check("gateway.upstream", Some("gateway.routes[].upstream"));
        check("gateway.routes.1.colour", None);
        check("gateway.rutes", Some("[[gateway.routes]]"));
        check("gateway.login_page", Some("gateway.issuers.NAME.login_page"));
    }
}
