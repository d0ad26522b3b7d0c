//! How long a start takes to reach the rover.

use kit::clock::Clock;
use serde_json::{Value, json};

use crate::{
    client::{Http, Socket, quantiles},
    service::Service,
};

/// They take turns, so that a rover's last task has ended when it is sent the next.
const ROVERS: usize = 20;

pub async fn run(service: &Service, starts: usize) -> String {
    let mut http = Http::connect(&service.address).await;
    let zone = http.zone(10).await;
    let mut rovers = Vec::new();
    for number in 0..ROVERS {
        let name = format!("starter-{number:02}");
        let socket = Socket::rover(&service.address, &name).await;
        rovers.push((http.mission(&zone, &name, false).await, socket));
    }
    let clock = Clock::start();
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for number in 0..starts {
        let (mission, socket) = &mut rovers[number % ROVERS];
        let path = format!("/missions/{mission}/start");
        let from = clock.now();
        let answer = async {
            let answer = http.post(&path, &Value::Null).await;
            (answer, clock.now() - from)
        };
        let frame = async { (socket.task().await, clock.now() - from) };
        let ((task, answer_took), (id, frame_took)) = tokio::join!(answer, frame);
        assert_eq!(task["id"], id);
        sent.push(frame_took);
        answered.push(answer_took);
        assert!(socket.send(&json!({ "type": "complete", "task_id": id, "laps": 1 })).await);
    }
    format!("{}\n{:>28} {}", quantiles(sent), "its answer:", quantiles(answered))
}
