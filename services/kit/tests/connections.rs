use kit::machine::Input;
use kit::tap::{Body, Event};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::harness::Bench;

fn closed(events: &[Event]) -> Vec<Option<u16>> {
    let code = |event: &Event| match event.body {
        Body::In(Input::Closed { code, .. }) => Some(code),
        _ => None,
    };
    events.iter().filter_map(code).collect()
}

#[tokio::test]
async fn the_machine_is_told_how_a_peer_left() {
    let bench = Bench::start().await;
    let mut polite = bench.connect("/ws").await;
    assert_eq!(polite.number().await, 0);
    polite.ws.close(Some(CloseFrame { code: 4001.into(), reason: "done".into() })).await.unwrap();
    polite.closed().await;
    bench.wait_open(0).await;
    let gone = bench.connect("/ws").await;
    bench.wait_open(1).await;
    drop(gone);
    bench.wait_open(0).await;
    assert_eq!(closed(&bench.finish().await), [Some(4001), None]);
}

#[tokio::test]
async fn a_machine_may_close_a_connection_after_its_last_word() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    assert_eq!(console.number().await, 0);
    console.send(r#"{"set":8}"#).await;
    console.send(r#"{"close":4000}"#).await;
    assert_eq!(console.number().await, 8);
    assert_eq!(console.closed().await, Some(4000));
    bench.wait_open(0).await;
    bench.finish().await;
}
