//! The fault proxy breaks what was planned, and nothing else.

use std::time::{Duration, Instant};

use perennial_testkit::{
    Fault, FaultProxy,
    raw::{Exchange, Raw, exchange},
    upstream::Upstream,
};

const SOON: Duration = Duration::from_secs(5);
const ASK: &str = "GET /one HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const ASK_AND_STAY: &str = "GET /one HTTP/1.1\r\nhost: a\r\n\r\n";

fn pair() -> (Upstream, FaultProxy) {
    let upstream = Upstream::standard();
    let proxy = FaultProxy::start(upstream.port());
    (upstream, proxy)
}

fn ask(proxy: &FaultProxy) -> Exchange {
    exchange(&proxy.url(), ASK, SOON)
}

#[test]
fn without_a_plan_everything_passes() {
    let (upstream, proxy) = pair();
    let mut raw = Raw::connect(&proxy.url());
    for number in 1..=3 {
        raw.send(ASK_AND_STAY);
        assert_eq!(raw.answer(SOON).expect("it answers").status, 200);
        assert_eq!((proxy.connections(), proxy.exchanges(), upstream.connections()), (1, number, 1));
    }
}

#[test]
fn a_dropped_answer_was_asked_for_once_and_the_next_one_passes() {
    let (upstream, proxy) = pair();
    proxy.next_exchange(Fault::DropAnswer);
    assert_eq!(ask(&proxy).outcome(), "closed");
    assert_eq!(upstream.seen().len(), 1);
    assert_eq!(ask(&proxy).outcome(), "200 closed");
}

#[test]
fn an_exchange_is_found_by_its_number_on_a_connection_that_stays() {
    let (upstream, proxy) = pair();
    proxy.exchange(2, Fault::DropAnswer);
    let mut raw = Raw::connect(&proxy.url());
    raw.send(ASK_AND_STAY);
    assert!(raw.answer(SOON).is_some());
    raw.send(ASK_AND_STAY);
    assert!(raw.answer(SOON).is_none());
    assert_eq!(upstream.seen().len(), 2);
}

#[test]
fn a_connection_is_cut_after_so_many_bytes_either_way() {
    let (upstream, proxy) = pair();
    proxy.connection(1, Fault::CutAnswer(20));
    let cut = ask(&proxy);
    assert_eq!((cut.rest.len(), cut.closed), (20, true));
    proxy.connection(2, Fault::CutRequest(20));
    assert_eq!(ask(&proxy).outcome(), "closed");
    assert_eq!(upstream.seen().len(), 1, "half a head is no request");
}

#[test]
fn a_delay_holds_back_the_request_or_the_answer() {
    let (_upstream, proxy) = pair();
    for fault in [Fault::DelayRequest, Fault::DelayAnswer] {
        let began = Instant::now();
        proxy.next_exchange(fault(Duration::from_millis(80)));
        assert_eq!(ask(&proxy).outcome(), "200 closed");
        assert!(began.elapsed() >= Duration::from_millis(80));
    }
}

#[tokio::test]
async fn frozen_connections_go_on_when_they_thaw() {
    let (upstream, proxy) = pair();
    let mut raw = Raw::connect(&proxy.url());
    raw.send(ASK_AND_STAY);
    assert!(raw.answer(SOON).is_some());
    proxy.freeze();
    raw.send(ASK_AND_STAY);
    assert!(raw.answer(Duration::from_millis(100)).is_none());
    assert_eq!(upstream.seen().len(), 1);
    proxy.heal().await;
    assert!(raw.answer(SOON).is_some());
}

#[tokio::test]
async fn a_port_that_refuses_closes_what_was_open_and_listens_again_when_healed() {
    let (_upstream, proxy) = pair();
    let mut raw = Raw::connect(&proxy.url());
    raw.send(ASK_AND_STAY);
    assert!(raw.answer(SOON).is_some());
    proxy.refuse().await;
    assert_eq!(raw.rest(SOON), (Vec::new(), true));
    assert!(std::net::TcpStream::connect(("127.0.0.1", proxy.port())).is_err());
    proxy.heal().await;
    assert_eq!(ask(&proxy).outcome(), "200 closed");
}
