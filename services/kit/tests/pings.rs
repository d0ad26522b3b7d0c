use kit::{
    machine::Input,
    tap::{Body, Event, SessionEvent},
};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Bench, Client, sessions};

/// Everything up to the next ping of the machine's, texts as their `said` words; and the ping's token.
async fn until_ping(client: &mut Client) -> (Vec<String>, u64) {
    let mut words = Vec::new();
    loop {
        match client.next().await {
            Message::Text(text) => {
                let json: Value = serde_json::from_str(&text).unwrap();
                let frames = json.as_array().cloned().unwrap_or_else(|| vec![json]);
                words.extend(frames.iter().filter_map(|frame| frame["word"].as_str().map(str::to_owned)));
                words.extend(
                    frames.iter().filter_map(|frame| frame["number"].as_u64()).map(|n| n.to_string()),
                );
            }
            Message::Ping(payload) => {
                return (words, u64::from_be_bytes(payload.as_ref().try_into().unwrap()));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn told_pongs(events: &[Event]) -> Vec<u64> {
    let told = events.iter().filter_map(|event| match event.body {
        Body::In(Input::Pong { conn: 1, token }) => Some(token),
        _ => None,
    });
    told.collect()
}

#[tokio::test]
async fn a_ping_follows_all_that_waits_however_the_connection_is_paced() {
    // Intervals longer than the test may take.
    for query in ["", "?batch_ms=60000", "?min_interval_ms=60000"] {
        let bench = Bench::start().await;
        let mut console = bench.connect(&format!("/ws{query}")).await;
        // The first state may leave at once; the second is held back where anything is.
        for command in
            [r#"{"set":1}"#, r#"{"say":"a"}"#, r#"{"set":2}"#, r#"{"ping":7}"#, r#"{"say":"after"}"#]
        {
            console.send(command).await;
        }
        let (mut words, token) = until_ping(&mut console).await;
        assert_eq!(token, 7, "{query}");
        assert!(words.contains(&"a".to_owned()) && words.contains(&"2".to_owned()), "{query}: {words:?}");
        console.send(r#"{"ping":8}"#).await;
        let (more, token) = until_ping(&mut console).await;
        words.extend(more);
        assert_eq!(token, 8, "{query}");
        assert_eq!(words.iter().filter(|word| *word == "after").count(), 1, "{query}: {words:?}");
        // The client's library answers a ping with what is sent next.
        console.send(r#"{"say":"end"}"#).await;
        console.ws.close(None).await.unwrap();
        console.closed().await;
        bench.wait_open(0).await;
        assert_eq!(told_pongs(&bench.finish().await), [7, 8], "{query}");
    }
}

#[tokio::test]
async fn a_forged_or_repeated_pong_is_not_told() {
    let bench = Bench::start().await;
    let mut console = bench.connect("/ws").await;
    let pong = |token: u64| Message::Pong(token.to_be_bytes().to_vec().into());
    let mut forged = 0;
    for token in [0, 5, u64::MAX] {
        futures_util::SinkExt::send(&mut console.ws, pong(token)).await.unwrap();
        forged += 1;
    }
    console.send(r#"{"ping":5}"#).await;
    until_ping(&mut console).await;
    // The client's library answers with what is sent next; then come the same again, larger ones, and one that is
    // no number.
    console.send(r#"{"say":"end"}"#).await;
    for forgery in [pong(5), pong(6), pong(u64::MAX), Message::Pong("hello".into())] {
        futures_util::SinkExt::send(&mut console.ws, forgery).await.unwrap();
        forged += 1;
    }
    console.ws.close(None).await.unwrap();
    console.closed().await;
    bench.wait_open(0).await;
    let events = bench.finish().await;
    assert_eq!(told_pongs(&events), [5]);
    let untold = sessions(&events).into_iter().filter(|e| matches!(e, SessionEvent::Pong { .. })).count();
    assert_eq!(untold, forged, "each is a sign of life all the same");
}
