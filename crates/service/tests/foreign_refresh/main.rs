//! A foreign refresh token is spent once, on however many nodes it is presented.

mod world;

use std::time::Duration;

use perennial_edge::foreign::{IssuerAnswer, Spent};
use perennial_protocol::{
    key::{KeyId, MacKey, MacRing},
    time::Millis,
};
use perennial_service::credentials::foreign::keyed;
use perennial_store::{ForeignState, LeaseId, SealedResult, Store, Write};
use tokio::time::timeout;
use world::{World, is_unavailable, renewed, seconds, tokens_of};

#[tokio::test(flavor = "multi_thread")]
async fn forty_at_once_on_two_nodes_make_one_call() {
    let world = World::new();
    let nodes = world.two_nodes();
    let asked: Vec<_> = (0..40).map(|number| nodes[number % 2].spending("a", world.issuer.renews("b"))).collect();
    for answer in asked {
        assert_eq!(answer.await.expect("nobody panics"), tokens_of(1));
    }
    assert_eq!(world.issuer.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_on_one_node_ask_the_store_once() {
    let world = World::new();
    let node = world.node(&[1]);
    let asked: Vec<_> = (0..40).map(|_| node.spending("a", world.issuer.renews("b"))).collect();
    for answer in asked {
        assert_eq!(answer.await.expect("nobody panics"), tokens_of(1));
    }
    assert_eq!((world.issuer.calls(), world.store.looks()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_hears_the_same_without_a_call() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert_eq!(one.spend("a", world.issuer.renews("b")).await, tokens_of(1));
    seconds(3000).await;
    for node in [one, other] {
        assert_eq!(node.spend("a", world.issuer.renews("c")).await, tokens_of(1));
    }
    assert_eq!(world.issuer.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_result_is_forgotten_when_its_successor_has_died() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert_eq!(one.spend("a", world.issuer.renews("b")).await, tokens_of(1));
    seconds(3601).await;
    assert_eq!(other.spend("a", world.issuer.renews("c")).await, tokens_of(2));
}

#[tokio::test(start_paused = true)]
async fn a_spent_token_yields_nothing_a_minute_after_its_successor_was_presented() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert_eq!(one.spend("a", world.issuer.renews("b")).await, tokens_of(1));
    seconds(600).await;
    assert_eq!(other.spend("b", world.issuer.renews("c")).await, tokens_of(2));
    seconds(58).await;
    assert_eq!(other.spend("a", world.issuer.refuses()).await, tokens_of(1), "a request that was under way");
    seconds(3).await;
    assert_eq!(other.spend("a", world.issuer.refuses()).await, Ok(Spent::Refused), "the issuer sees a thief");
    assert_eq!(world.issuer.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_replaced_is_shared_by_those_who_come_together() {
    for successor in [None, Some("a")] {
        let world = World::new();
        let [one, other] = world.two_nodes();
        let call = || world.issuer.call(0, move |number| renewed(number, successor));
        assert_eq!(one.spend("a", call()).await, tokens_of(1));
        seconds(9).await;
        assert_eq!(other.spend("a", call()).await, tokens_of(1));
        seconds(2).await;
        assert_eq!(other.spend("a", call()).await, tokens_of(2));
    }
}

#[tokio::test(start_paused = true)]
async fn the_no_of_the_issuer_is_heard_by_everybody_for_a_minute() {
    let world = World::new();
    let nodes = world.two_nodes();
    let asked: Vec<_> = (0..40).map(|number| nodes[number % 2].spending("a", world.issuer.refuses())).collect();
    for answer in asked {
        assert_eq!(answer.await.expect("nobody panics"), Ok(Spent::Refused));
    }
    seconds(58).await;
    assert_eq!(nodes[1].spend("a", world.issuer.refuses()).await, Ok(Spent::Refused));
    assert_eq!(world.issuer.calls(), 1);
    seconds(3).await;
    assert_eq!(nodes[1].spend("a", world.issuer.renews("b")).await, tokens_of(2));
}

#[tokio::test(start_paused = true)]
async fn another_node_tries_when_the_lease_of_one_that_died_is_over() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    let dies = world.issuer.call(100, |_| panic!("the node dies"));
    is_unavailable(&one.spend("a", dies).await);
    let waits = other.spending("a", world.issuer.renews("b"));
    seconds(29).await;
    assert_eq!(world.issuer.calls(), 1);
    assert_eq!(waits.await.expect("nobody panics"), tokens_of(2));
    assert_eq!(one.spend("a", world.issuer.renews("c")).await, tokens_of(2));
    assert_eq!(world.issuer.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_issuer_has_not_seen_may_be_sent_by_another_at_once() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    let unsent = one.spending("a", world.issuer.call(100, |_| IssuerAnswer::Unsent));
    tokio::task::yield_now().await;
    let started = world.now();
    assert_eq!(other.spend("a", world.issuer.renews("b")).await, tokens_of(2));
    assert!(world.now().since(started).0 < 1000);
    is_unavailable(&unsent.await.expect("nobody panics"));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_unknown_outcome_is_no_no_and_is_not_repeated_at_once() {
    let world = World::new();
    let nodes = world.two_nodes();
    let unknown = || world.issuer.call(100, |_| IssuerAnswer::Unknown);
    let asked: Vec<_> = (0..40).map(|number| nodes[number % 2].spending("a", unknown())).collect();
    for answer in asked {
        is_unavailable(&answer.await.expect("nobody panics"));
    }
    assert_eq!(world.issuer.calls(), 1);
    seconds(3).await;
    assert_eq!(nodes[1].spend("a", world.issuer.renews("b")).await, tokens_of(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_ends_before_another_node_may_make_one() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    let hangs = one.spending("a", world.issuer.call(60_000, |number| renewed(number, Some("b"))));
    seconds(1).await;
    let started = world.now();
    is_unavailable(&other.spend("a", world.issuer.renews("c")).await);
    assert!((18_000..21_000).contains(&world.now().since(started).0));
    is_unavailable(&hangs.await.expect("nobody panics"));
    assert_eq!(world.issuer.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let world = World::new();
    let (now, until) = (world.now(), world.now().plus(Millis::hours(1)));
    let lease = Write::LeaseForeignRefresh { token_hash: hashes_of("a")[0], lease: LeaseId([1; 16]), until, now };
    let _ = world.store.apply([lease].into()).await.expect("memory is available");
    is_unavailable(&world.node(&[1]).spend("a", world.issuer.renews("b")).await);
    assert!((30_000..31_000).contains(&world.now().since(now).0));
    assert_eq!(world.issuer.calls(), 0);
}

fn hashes_of(token: &str) -> Vec<[u8; 32]> {
    let ring = MacRing::new(MacKey::new(KeyId(1), &[1; 32]), vec![]);
    keyed(&ring, "users", token).iter().map(|key| key.hash).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_while_the_store_cannot_be_asked() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    world.store.cut(true);
    is_unavailable(&one.spend("a", world.issuer.renews("b")).await);
    assert_eq!(world.issuer.calls(), 0);
    world.store.cut(false);
    assert_eq!(other.spend("a", world.issuer.renews("b")).await, tokens_of(1));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_without_anybody_knowing_stands_in_nobodys_way() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    world.store.lose_an_answer();
    let started = world.now();
    is_unavailable(&one.spend("a", world.issuer.renews("b")).await);
    assert_eq!(other.spend("a", world.issuer.renews("b")).await, tokens_of(1));
    assert!(world.now().since(started).0 < 1000);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stood_still_with_its_lease_makes_no_call() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    world.store.stand_still();
    is_unavailable(&one.spend("a", world.issuer.renews("b")).await);
    assert_eq!(world.issuer.calls(), 0);
    assert_eq!(other.spend("a", world.issuer.renews("b")).await, tokens_of(1));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_kept_without_anybody_knowing_is_told() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    let spends = one.spending("a", world.issuer.renews("b"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.store.lose_an_answer();
    assert_eq!(spends.await.expect("nobody panics"), tokens_of(1));
    assert_eq!(other.spend("a", world.issuer.renews("c")).await, tokens_of(1));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_can_wait_for_the_calls_it_began() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert!(timeout(Duration::from_millis(10), one.spend("a", world.issuer.renews("b"))).await.is_err());
    one.settled().await;
    assert_eq!(other.spend("a", world.issuer.renews("c")).await, tokens_of(1));
    assert_eq!(world.store.looks(), 2, "nobody had to wait");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_for_a_moment_gets_the_result_when_it_is_back() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    let spends = one.spending("a", world.issuer.renews("b"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.store.cut(true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.store.cut(false);
    assert_eq!(spends.await.expect("nobody panics"), tokens_of(1));
    assert_eq!(other.spend("a", world.issuer.renews("c")).await, tokens_of(1));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_no_store_takes_still_reaches_those_who_wait_for_it() {
    let world = World::new();
    let [one, _] = world.two_nodes();
    let both = [(); 2].map(|()| one.spending("a", world.issuer.renews("b")));
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.store.cut(true);
    for spends in both {
        assert_eq!(spends.await.expect("nobody panics"), tokens_of(1));
    }
    assert_eq!(world.issuer.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_call_goes_on_when_whoever_brought_it_goes_away() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    let hurried = timeout(Duration::from_millis(10), one.spend("a", world.issuer.renews("b"))).await;
    assert!(hurried.is_err() && world.issuer.calls() == 1);
    assert_eq!(other.spend("a", world.issuer.renews("c")).await, tokens_of(1));
}

#[tokio::test(start_paused = true)]
async fn a_result_outlasts_a_rotation_of_the_keys() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert_eq!(one.spend("a", world.issuer.renews("b")).await, tokens_of(1));
    for node in [&one, &other] {
        node.learns(&[1, 2]);
        assert_eq!(node.spend("a", world.issuer.renews("c")).await, tokens_of(1));
    }
    assert_eq!(other.spend("b", world.issuer.renews("c")).await, tokens_of(2));
    seconds(61).await;
    assert_eq!(one.spend("a", world.issuer.refuses()).await, Ok(Spent::Refused), "its successor was presented");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_sign_with_different_keys_make_one_call() {
    for [first, second] in [[&[1, 2][..], &[2, 1]], [&[1], &[1, 2]], [&[1, 2], &[2, 3]]] {
        let world = World::new();
        let nodes = [world.node(first), world.node(second)];
        let asked: Vec<_> = (0..40).map(|number| nodes[number % 2].spending("a", world.issuer.renews("b"))).collect();
        for answer in asked {
            assert_eq!(answer.await.expect("nobody panics"), tokens_of(1), "{first:?} and {second:?}");
        }
        assert_eq!(world.issuer.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_text_at_two_issuers_is_two_tokens() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert_eq!(one.spend_at("users", world.issuer.renews("b")).await, tokens_of(1));
    assert_eq!(other.spend_at("staff", world.issuer.renews("b")).await, tokens_of(2));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_somebody_changed_in_the_store_is_no_answer_and_causes_no_call() {
    let world = World::new();
    let [one, other] = world.two_nodes();
    assert_eq!(one.spend("a", world.issuer.renews("b")).await, tokens_of(1));
    assert_eq!(one.spend("z", world.issuer.refuses()).await, Ok(Spent::Refused));
    let refusal = world.store.load_foreign_refreshes(&hashes_of("z")).await.expect("available").remove(0);
    let ForeignState::Done { sealed, .. } = refusal.state else { panic!("it is done") };
    replace(&world, hashes_of("a")[0], sealed).await;
    is_unavailable(&other.spend("a", world.issuer.renews("c")).await);
    assert_eq!(world.issuer.calls(), 2);
}

/// Puts another result in its place, as somebody does who can write to the database.
async fn replace(world: &World, token_hash: [u8; 32], sealed: SealedResult) {
    let now = world.now().plus(Millis::days(1));
    let (lease, until) = (LeaseId([1; 16]), now.plus(Millis::days(1)));
    let writes = [
        Write::LeaseForeignRefresh { token_hash, lease, until, now },
        Write::FinishForeignRefresh { token_hash, lease, sealed, successor: None, kept_until: until },
    ];
    let _ = world.store.apply(writes.into()).await.expect("memory is available");
}

#[tokio::test(start_paused = true)]
async fn the_store_holds_neither_token_nor_result() {
    let world = World::new();
    let call = world.issuer.call(0, |number| renewed(number, Some("successor-token")));
    assert_eq!(world.node(&[1]).spend("spent-token", call).await, tokens_of(1));
    let rows = world.store.memory.load_foreign_refreshes(&hashes_of("spent-token")).await.expect("available");
    let ForeignState::Done { sealed, successor } = &rows[0].state else { panic!("it is done") };
    let parts: Vec<&[u8]> = sealed.bytes().windows(4).collect();
    assert!(!parts.contains(&b"toke".as_slice()) && !parts.contains(&b"call".as_slice()));
    assert_eq!(*successor, Some(hashes_of("successor-token")[0]));
}
