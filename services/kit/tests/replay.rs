use kit::{
    machine::{Input, Machine, Output},
    tap::{Body, Event},
};

use crate::{harness::Bench, toy::Toy};

#[tokio::test]
async fn what_the_tap_holds_replays_to_the_same_outputs() {
    let bench = Bench::start().await;
    let mut a = bench.connect("/ws").await;
    let mut b = bench.connect("/ws?batch_ms=5").await;
    assert_eq!(a.number().await, 0);
    b.json().await;
    for number in 0..30 {
        bench.set(number).await;
        a.send(r#"{"say":"hello"}"#).await;
        b.send(r#"{"set_after_ms":2}"#).await;
        b.send("nonsense").await;
    }
    a.ws.close(None).await.unwrap();
    bench.wait_open(1).await;
    let events = bench.finish().await;

    assert!(matches!(&events[0].body, Body::Start(start) if start.seed == 7 && start.state["number"] == 0));
    let service = |event: &&Event| !matches!(event.body, Body::Session(_));
    let stamps: Vec<_> = events.iter().filter(service).map(|event| (event.seq, event.at)).collect();
    assert!(stamps.is_sorted(), "numbers and times of a service's events never run backwards");
    assert!(events.iter().any(|event| matches!(event.body, Body::In(Input::Timer))), "the timer was used");

    let mut again = Toy::default();
    let (mut expected, mut found): (Vec<Output>, Vec<Output>) = Default::default();
    for Event { at, body, .. } in &events {
        match body {
            Body::In(Input::Timer) => again.handle_timeout(*at, &mut found),
            Body::In(input) => again.handle(*at, input.clone(), &mut found),
            Body::Out(output) => expected.push(output.clone()),
            Body::End(state) => assert_eq!(state, &again.state()),
            Body::Start(_) | Body::Session(_) | Body::Proxy(_) | Body::Gap(_) => {}
        }
    }
    assert!(expected.len() > 90);
    assert_eq!(found, expected);
}
