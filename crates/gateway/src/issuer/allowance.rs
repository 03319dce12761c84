//! How often a client address may have the issuer asked in vain: whoever sends made-up refresh tokens shall not make
//! this gateway a means to flood it. A refresh that succeeds costs nothing.

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
    /// Takes one call, if there is one.
    pub(super) fn take(&self, address: IpAddr, now: Instant) -> bool {
        self.change(address, now, |left| {
            let has = left.calls >= 1.0;
            left.calls -= if has { 1.0 } else { 0.0 };
            has
        })
    }

    /// Gives back a call that was not in vain.
    pub(super) fn give_back(&self, address: IpAddr, now: Instant) {
        self.change(address, now, |left| left.calls = (left.calls + 1.0).min(limits::VAIN_CALLS));
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

    #[test]
    fn so_many_calls_in_vain_are_free_and_then_one_every_while() {
        let (allowance, began) = (Allowance::default(), Instant::now());
        let client = address("192.0.2.1");
        let taken = (0..100).filter(|_| allowance.take(client, began)).count();
        assert_eq!(taken, limits::VAIN_CALLS as usize);
        let later = began + limits::VAIN_CALL_EVERY;
        assert!(allowance.take(client, later) && !allowance.take(client, later));
        assert!(allowance.take(address("192.0.2.2"), later), "everybody has their own");
        let much_later = later + Duration::from_secs(24 * 3600);
        assert_eq!((0..100).filter(|_| allowance.take(client, much_later)).count(), limits::VAIN_CALLS as usize);
    }

    #[test]
    fn a_call_that_was_not_in_vain_costs_nothing() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        let client = address("192.0.2.1");
        for _ in 0..1000 {
            assert!(allowance.take(client, now));
            allowance.give_back(client, now);
        }
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        while allowance.take(address("2001:db8::1"), now) {}
        assert!(!allowance.take(address("2001:db8::2"), now));
        assert!(allowance.take(address("2001:db8:0:1::1"), now));
    }
}
