//! The rules of a session client, and what holds in every world.

mod world;

use proptest::prelude::*;

use self::world::{Event, Method, Place, World};
use super::*;

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Fine,
        Verdict::InvalidToken,
        Verdict::StaleToken,
        Verdict::CsrfFailed,
        Verdict::RetryWithBody,
        Verdict::AuthUnavailable,
    ])
}

/// What the service says when it says something else than the truth: it may know no better.
fn any_no() -> impl Strategy<Value = (Verdict, Option<i64>)> {
    let wait = prop::sample::select(vec![None, Some(0), Some(7000)]);
    let verdicts = vec![
        Verdict::Fine,
        Verdict::InvalidToken,
        Verdict::StaleToken,
        Verdict::CsrfFailed,
        Verdict::IdentityChanged,
        Verdict::AuthUnavailable,
    ];
    (prop::sample::select(verdicts), wait)
}

fn any_event() -> impl Strategy<Value = Event> {
    let wanted = prop::sample::select(vec![
        Wanted::Kind(Kind::Call),
        Wanted::Kind(Kind::Call),
        Wanted::Kind(Kind::Call),
        Wanted::Kind(Kind::Ready),
        Wanted::Kind(Kind::Fresh),
        Wanted::Kind(Kind::Open),
        Wanted::Renew,
    ]);
    let method = prop::sample::select(vec![Method::Safe, Method::Unsafe]);
    let place = prop::sample::select(vec![Place::Here, Place::HereOffline, Place::Elsewhere]);
    let name = prop::sample::select(vec!["ann", "bob"]);
    prop_oneof![
        6 => (wanted, method).prop_map(|(wanted, method)| Event::Want(wanted, method)),
        2 => Just(Event::Look),
        3 => (name, place.clone()).prop_map(|(name, place)| Event::LogIn(name, place)),
        2 => place.prop_map(Event::LogOut),
        1 => Just(Event::Revoke),
        2 => Just(Event::Expire),
        2 => (0..8_usize).prop_map(Event::Arrive),
        4 => (0..8_usize, prop::option::weighted(0.4, any_verdict())).prop_map(|(n, said)| Event::Deliver(n, said)),
        5 => prop::option::weighted(0.4, any_no()).prop_map(Event::Reply),
        1 => (0..8_usize).prop_map(Event::PeerEnded),
        1 => (0..8_usize).prop_map(Event::PeerRenewed),
        1 => (0..8_usize).prop_map(Event::Abort),
        1 => Just(Event::Online),
        2 => prop::sample::select(vec![1, 1000, 1_000_000]).prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn f17_no_history_does_as_one_person_what_another_wished_or_leaves_a_wish_open(
        transport in prop::sample::select(vec![Transport::Cookie, Transport::Bearer]),
        sees_cookies in any::<bool>(),
        history in prop::collection::vec(any_event(), 1..40),
        call in prop::option::of(any_verdict()),
        question in prop::option::of(any_no()),
    ) {
        let mut world = World::new(transport, sees_cookies);
        for event in &history {
            world.play(event).map_err(TestCaseError::fail)?;
        }
        world.drain(call, question).map_err(TestCaseError::fail)?;
    }
}
