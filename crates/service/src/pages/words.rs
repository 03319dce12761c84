//! Times, devices and passwords in words.

use perennial_protocol::time::Millis;

use crate::limits;

/// What makes a password good.
pub(super) fn password_hint() -> String {
    format!(
        "At least {} characters that are hard to guess. A few unrelated words are a good choice.",
        limits::PASSWORD_CHARACTERS_MIN
    )
}

/// A time to wait, never told shorter than it is: `2 minutes` for 61 seconds.
pub(super) fn wait(span: Millis) -> String {
    let (size, name) = unit(span);
    counted((Millis(span.0 + 999).whole_seconds() + size - 1) / size, name)
}

/// A span ahead, to the nearest unit: `30 days` for a second less.
pub(super) fn about(span: Millis) -> String {
    let (size, name) = unit(span);
    counted((span.whole_seconds() + size / 2) / size, name)
}

/// The largest unit that fits into a span, in seconds.
fn unit(span: Millis) -> (i64, &'static str) {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    units.into_iter().find(|(size, _)| span.whole_seconds() >= *size).unwrap_or((1, "second"))
}

fn counted(count: i64, name: &str) -> String {
    match count {
        ..=1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// How long ago something was.
pub(super) fn ago(age: Millis) -> String {
    let (size, name) = unit(age);
    if age < Millis::minutes(1) { "just now".to_owned() } else { counted(age.whole_seconds() / size, name) + " ago" }
}

/// A browser's own description in two words people know: `Firefox on Linux`.
pub(super) fn device(user_agent: &str) -> String {
    // Most browsers name others too, so the most particular name comes first.
    const BROWSERS: [(&str, &str); 8] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => match user_agent.split(['/', ' ']).next().unwrap_or_default() {
            "" => "Unknown device".to_owned(),
            name => name.chars().take(40).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_to_what_matters() {
        for (millis, words) in [(0, "1 second"), (1001, "2 seconds"), (60_000, "1 minute"), (61_000, "2 minutes")] {
            assert_eq!(wait(Millis(millis)), words);
        }
        for (millis, words) in [(0, "1 second"), (89_000, "1 minute"), (90_000, "2 minutes"), (7_200_000, "2 hours")] {
            assert_eq!(about(Millis(millis)), words);
        }
        assert_eq!(about(Millis(Millis::days(30).0 - 1)), "30 days");
        assert_eq!(ago(Millis(59_999)), "just now");
        assert_eq!(ago(Millis(119_999)), "1 minute ago");
        assert_eq!(ago(Millis::days(3)), "3 days ago");
    }

    #[test]
    fn devices_are_named_as_people_know_them() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36";
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19 Safari/604.1";
        for (user_agent, words) in
            [(chrome, "Chrome on Linux"), (safari, "Safari on iPhone"), ("curl/8.5.0", "curl"), ("", "Unknown device")]
        {
            assert_eq!(device(user_agent), words);
        }
    }
}
