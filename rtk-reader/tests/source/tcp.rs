//! A receiver behind TCP.

use std::time::Duration;

use rtk_reader::source::{ErrorKind, Event, Options, Spec};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::common::{self, PATIENCE, Running, gga};

async fn listener() -> (TcpListener, Spec, Options) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let spec = Spec::Tcp { host: "127.0.0.1".to_owned(), port };
    (listener, spec, common::options(&std::env::temp_dir()))
}

async fn accept(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(PATIENCE, listener.accept()).await.expect("nobody connects").unwrap().0
}

async fn opened(running: &mut Running) {
    let event = running.event().await;
    assert!(
        matches!(&event, Event::Opened { device, baud: None } if device.starts_with("tcp://127.0.0.1:")),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let (listener, spec, options) = listener().await;
    let mut running = common::start(spec, options);
    for second in 0..3 {
        let mut peer = accept(&listener).await;
        opened(&mut running).await;
        peer.write_all(&gga(second)).await.unwrap();
        assert_eq!(running.bytes_until(b"\n").await, gga(second));
        drop(peer);
        let Event::Closed { reason } = running.event().await else { panic!("expected Closed") };
        assert!(reason.contains("closed the connection"), "{reason}");
    }
    running.stop.cancel();
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_once_and_tried_until_it_is() {
    // Bound and not listening: nobody else gets the port, and whoever connects is refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let spec = Spec::Tcp { host: "127.0.0.1".to_owned(), port };
    let mut running = common::start(spec, common::options(&std::env::temp_dir()));
    let Event::Closed { reason } = running.event().await else { panic!("expected Closed") };
    assert!(reason.starts_with("can't connect to 127.0.0.1:"), "{reason}");
    let listener = socket.listen(1).unwrap();
    let _peer = accept(&listener).await;
    opened(&mut running).await;
}

#[tokio::test]
async fn a_silent_connection_is_made_anew_without_a_word() {
    let (listener, spec, mut options) = listener().await;
    options.timing.silence = Duration::from_millis(20);
    let mut running = common::start(spec, options);
    let first = accept(&listener).await;
    opened(&mut running).await;
    let mut second = accept(&listener).await;
    second.write_all(&gga(1)).await.unwrap();
    assert_eq!(running.bytes_until(b"\n").await, gga(1));
    drop(first);
}

#[tokio::test]
async fn what_is_no_gnss_stream_ends_the_program() {
    let (listener, spec, options) = listener().await;
    let running = common::start(spec, options);
    let mut peer = accept(&listener).await;
    tokio::spawn(async move {
        let page = b"HTTP/1.1 400 Bad Request\r\n".repeat(1000);
        while peer.write_all(&page).await.is_ok() {}
    });
    let (_, result) = running.all().await;
    let error = result.expect_err("a web server");
    assert_eq!(error.kind(), ErrorKind::NotGnss, "{error}");
}

#[tokio::test]
async fn it_ends_when_nobody_listens() {
    let (listener, spec, options) = listener().await;
    let running = common::start(spec, options);
    let mut peer = accept(&listener).await;
    drop(running.events);
    peer.write_all(&gga(1)).await.unwrap();
    tokio::time::timeout(PATIENCE, running.task).await.expect("it goes on").unwrap().unwrap();
}
