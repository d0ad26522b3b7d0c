//! The service over real sockets.

mod support;

use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use kit::tap::Body;
use support::Service;

#[tokio::test]
async fn from_a_rover_to_consoles_and_to_the_recording() {
    let service = Service::start().await;
    let mut console = service.connect("/ws").await;
    let mut delta = service.connect("/ws?delta=1").await;
    assert_eq!(console.json().await, json!({ "type": "rovers", "data": [] }));
    assert_eq!(delta.json().await, json!({ "type": "rovers_snapshot", "seq": 0, "data": [] }));

    let beat = service.post("/heartbeat/bvr%2D01", "{}").await;
    assert_eq!((beat.status, beat.text()), (404, r#"{"error":"Rover not found"}"#));
    let rover = json!({ "id": "bvr-01", "name": "Beaver", "address": "10.0.0.21:4850" });
    let registered = service.post("/register", &rover.to_string()).await;
    assert_eq!((registered.status, registered.text()), (200, r#"{"ok":true}"#));
    let told = console.json().await;
    assert_eq!(told["data"][0]["videoAddress"], "10.0.0.21:4851");
    assert_eq!(delta.json().await["changed"], told["data"], "a new rover comes whole");

    let beat = service.post("/heartbeat/bvr%2D01", r#"{"mode":3,"battery_voltage":47.5}"#).await;
    assert_eq!((beat.status, beat.text()), (200, r#"{"ok":true}"#));
    let told = console.json().await;
    assert_eq!((&told["data"][0]["mode"], &told["data"][0]["batteryVoltage"]), (&3.into(), &47.5.into()));
    let change = delta.json().await;
    assert_eq!((&change["seq"], &change["changed"][0]["mode"]), (&2.into(), &3.into()));
    assert_eq!(change["changed"][0].get("name"), None, "only what changed");
    assert_eq!(service.get("/rovers").await.json(), told["data"]);
    assert_eq!(service.get("/health").await.text(), r#"{"status":"ok","rovers":1}"#);

    service.stop.cancel();
    assert_eq!(console.close_code().await, CloseCode::Away);
    assert_eq!(delta.close_code().await, CloseCode::Away);
    let recorded = service.recorded().await;
    assert!(matches!(&recorded[0].body, Body::Start(start) if start.config["max_rovers"] == 10_000));
    assert!(recorded.iter().all(|event| event.service == "discovery"));
    assert!(matches!(&recorded.last().unwrap().body, Body::End(state) if state[0]["mode"] == 3));
}

#[tokio::test]
async fn bad_bodies_are_refused_in_a_sentence_and_nothing_else_is_disturbed() {
    let service = Service::start().await;
    for (body, expected) in [
        ("".to_owned(), 400),
        (r#"{"id":"a\u0000","name":"n","address":"h"}"#.to_owned(), 400),
        (format!(r#"{{"id":{}1{}}}"#, "[".repeat(300_000), "]".repeat(300_000)), 400),
        (format!(r#"{{"id":"{}"}}"#, "x".repeat(2 << 20)), 413),
    ] {
        let answer = service.post("/register", &body).await;
        assert_eq!(answer.status, expected);
        assert!(answer.json()["error"].as_str().is_some_and(|sentence| sentence.len() < 200));
    }
    assert_eq!(service.get("/rovers").await.text(), "[]");
    assert_eq!(service.get("/nothing").await.status, 404);
    assert_eq!(service.get("/readyz").await.status, 200);
}
