//! Instants and durations as the rules see them: whole milliseconds, handed in by the caller.
//!
//! Nothing here can read a clock. A duration is written `250ms`, `20s`, `15m`, `12h` or `30d`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This instant moved forward by `span`.
    pub const fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long ago `earlier` was; negative when a clock stepped back.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds since the epoch, as JWT dates are written (RFC 7519 §2).
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// A span of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    pub const ZERO: Self = Self(0);

    pub const fn seconds(count: i64) -> Self {
        Self(count * 1000)
    }

    pub const fn minutes(count: i64) -> Self {
        Self::seconds(count * 60)
    }

    pub const fn hours(count: i64) -> Self {
        Self::minutes(count * 60)
    }

    pub const fn days(count: i64) -> Self {
        Self::hours(count * 24)
    }

    /// Whole seconds, rounded down: what a cookie's Max-Age and `expires_in` carry.
    pub const fn whole_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl From<Millis> for std::time::Duration {
    fn from(span: Millis) -> Self {
        Self::from_millis(u64::try_from(span.0).unwrap_or(0))
    }
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a whole number and one of ms, s, m, h, d, for example `15m`")]
pub struct NotADuration(String);

impl FromStr for Millis {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NotADuration(text.to_owned());
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: i64 = text[..digits].parse().map_err(|_| refused())?;
        let unit: i64 = match &text[digits..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(refused()),
        };
        count.checked_mul(unit).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
        match units.into_iter().find(|(size, _)| self.0 != 0 && self.0 % size == 0) {
            Some((size, name)) => write!(out, "{}{name}", self.0 / size),
            None => write!(out, "{}ms", self.0),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(text.parse::<Millis>().ok().map(|span| span.0), expected, "{text}");
    }

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        check("250ms", Some(250));
        check("20s", Some(20_000));
        check("15m", Some(900_000));
        check("12h", Some(43_200_000));
        check("30d", Some(2_592_000_000));
        for text in ["", "15", "m", "1.5h", "-3s", "15 m", "15min", "99999999999999999d"] {
            check(text, None);
        }
    }

    #[test]
    fn a_duration_reads_back_as_it_was_written() {
        for text in ["250ms", "20s", "90s", "15m", "12h", "30d", "0ms"] {
            assert_eq!(text.parse::<Millis>().expect(text).to_string(), text);
        }
    }
}
