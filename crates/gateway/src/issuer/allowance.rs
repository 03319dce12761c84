//! How often a client address may have the issuer asked in vain: whoever sends made-up refresh tokens shall not make
//! this gateway a means to flood it. A refresh that is not refused costs nothing, as many may share an address.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use quick_cache::sync::Cache;

use crate::limits;

/// What is left to each address.
pub(super) struct Allowance(Cache<IpAddr, Arc<Mutex<Left>>>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Cache::new(limits::ADDRESSES))
    }
}

impl fmt::Debug for Allowance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Allowance({} addresses)", self.0.len())
    }
}

struct Left {
    calls: f64,
    at: Instant,
}

impl Allowance {
    /// Whether the issuer may be asked for this address.
    pub(super) fn has(&self, address: IpAddr, now: Instant) -> bool {
        self.change(address, now, |left| left.calls >= 1.0)
    }

    /// The issuer was asked in vain. Calls that were under way together may cost more than was left.
    pub(super) fn spend(&self, address: IpAddr, now: Instant) {
        self.change(address, now, |left| left.calls = (left.calls - 1.0).max(-limits::VAIN_CALLS));
    }

    fn change<T>(&self, address: IpAddr, now: Instant, change: impl FnOnce(&mut Left) -> T) -> T {
        let full =
            || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Left { calls: limits::VAIN_CALLS, at: now })));
        let left = self.0.get_or_insert_with(&network(address), full).unwrap_or_else(|never| match never {});
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(left.at);
        let earned = passed.as_secs_f64() / limits::VAIN_CALL_EVERY.as_secs_f64();
        left.calls = (left.calls + earned).min(limits::VAIN_CALLS);
        left.at = now;
        change(&mut left)
    }
}

/// One customer has all addresses of a /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// How many calls in vain are made, one after the other.
    fn vain(allowance: &Allowance, client: &str, now: Instant) -> usize {
        let asked = || allowance.has(address(client), now);
        (0..1000).take_while(|_| asked()).map(|_| allowance.spend(address(client), now)).count()
    }

    #[test]
    fn so_many_calls_in_vain_are_free_and_then_one_every_while() {
        let (allowance, began) = (Allowance::default(), Instant::now());
        let all = limits::VAIN_CALLS as usize;
        assert_eq!(vain(&allowance, "192.0.2.1", began), all);
        assert_eq!(vain(&allowance, "192.0.2.1", began + limits::VAIN_CALL_EVERY), 1);
        assert_eq!(vain(&allowance, "192.0.2.2", began), all, "everybody has their own");
        let much_later = began + Duration::from_secs(24 * 3600);
        assert_eq!(vain(&allowance, "192.0.2.1", much_later), all);
    }

    #[test]
    fn what_was_asked_at_once_is_paid_for_later_and_not_for_ever() {
        let (allowance, began) = (Allowance::default(), Instant::now());
        let client = address("192.0.2.1");
        for _ in 0..10_000 {
            allowance.spend(client, began);
        }
        let paid = began + limits::VAIN_CALL_EVERY * (limits::VAIN_CALLS as u32 + 1);
        assert!(!allowance.has(client, paid - limits::VAIN_CALL_EVERY) && allowance.has(client, paid));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        assert!(vain(&allowance, "2001:db8::1", now) > 0);
        assert_eq!(vain(&allowance, "2001:db8::2", now), 0);
        assert!(vain(&allowance, "2001:db8:0:1::1", now) > 0);
    }
}
