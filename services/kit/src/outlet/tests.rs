use std::{collections::VecDeque, task::Waker};

use futures_util::{Sink, StreamExt};
use proptest::prelude::*;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};

use super::*;

/// A transport that takes what it is told to, at most, and then nothing until it is told again; it gives what it
/// was given to read.
#[derive(Debug, Default)]
struct Slow {
    takes: VecDeque<usize>,
    took: Vec<u8>,
    gives: VecDeque<u8>,
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gives.is_empty() {
            return Poll::Pending;
        }
        while buf.remaining() > 0
            && let Some(byte) = self.gives.pop_front()
        {
            buf.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(most) = self.takes.pop_front().filter(|&most| most > 0) else { return Poll::Pending };
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(most).collect();
        self.took.extend(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a client reads from these bytes.
async fn read_back(bytes: Vec<u8>) -> Vec<Message> {
    let slow = Slow { gives: bytes.into(), ..Slow::default() };
    let mut client = WebSocketStream::from_raw_socket(slow, Role::Client, None).await;
    let mut messages = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(message)) = client.poll_next_unpin(&mut cx) {
        messages.push(message.expect("whole frames in an order that the protocol allows"));
    }
    messages
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Text(usize),
    Ping,
    /// The peer pings: the library answers.
    Pinged,
    /// The transport takes so much of the next write.
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![0..300_usize, 3_900..4_300_usize, 60_000..70_000_usize].prop_map(Step::Text),
        1 => Just(Step::Ping),
        2 => Just(Step::Pinged),
        4 => prop_oneof![0..20_usize, 0..100_000_usize].prop_map(Step::Take),
    ]
}

/// A masked ping of two bytes.
const PING: [u8; 8] = [0x89, 0x82, 0, 0, 0, 0, 7, 7];

async fn play(steps: Vec<Step>, gather_bytes: usize) {
    let outlet = Outlet::new(Slow::default(), gather_bytes);
    let config = WebSocketConfig::default().write_buffer_size(0).max_write_buffer_size(4096);
    let mut ws = WebSocketStream::from_raw_socket(outlet, Role::Server, Some(config)).await;
    let mut cx = Context::from_waker(Waker::noop());
    let (mut sent, mut pinged) = (Vec::new(), 0);
    for step in steps {
        match step {
            Step::Text(bytes) if ws.get_mut().poll_room(&mut cx).is_ready() => {
                let text = "x".repeat(bytes);
                ws.get_mut().push(Kind::Text, text.clone().into());
                sent.push(Message::text(text));
            }
            Step::Ping if ws.get_mut().poll_room(&mut cx).is_ready() => {
                ws.get_mut().push(Kind::Ping, Bytes::from_static(b"12345678"));
                sent.push(Message::Ping(Bytes::from_static(b"12345678")));
            }
            Step::Text(_) | Step::Ping => {}
            Step::Pinged => {
                ws.get_mut().io.gives.extend(PING);
                pinged += 1;
                while ws.poll_next_unpin(&mut cx).is_ready() {}
            }
            Step::Take(most) => {
                ws.get_mut().io.takes.push_back(most);
                let _ = Pin::new(&mut ws).poll_flush(&mut cx).map(Result::unwrap);
            }
        }
    }
    ws.get_mut().io.takes.extend([1 << 20; 64]);
    let mut ended = Pin::new(&mut ws).poll_flush(&mut cx);
    while ended.is_pending() && !ws.get_ref().io.takes.is_empty() {
        ended = Pin::new(&mut ws).poll_flush(&mut cx);
    }
    assert!(matches!(ended, Poll::Ready(Ok(()))), "{ended:?}");
    let outlet = ws.get_mut();
    assert_eq!((outlet.gathered.capacity(), outlet.large.len()), (0, 0), "nothing is kept");
    assert_eq!(outlet.taken(), outlet.io.took.len() as u64);
    let read = read_back(mem::take(&mut outlet.io.took)).await;
    let (pongs, others): (Vec<_>, Vec<_>) = read.into_iter().partition(Message::is_pong);
    assert!(pongs.len() <= pinged && (pinged == 0 || !pongs.is_empty()), "{} of {pinged}", pongs.len());
    assert!(others == sent, "in order, each once");
}

proptest! {
    #[test]
    fn whatever_the_transport_takes_the_frames_stay_whole(
        steps in prop::collection::vec(step(), 0..60),
        gather_bytes in prop_oneof![Just(0_usize), Just(8192)],
    ) {
        run(play(steps, gather_bytes));
    }
}

#[test]
fn a_large_payload_is_not_copied() {
    let payload = Bytes::from(vec![b'x'; COPIED_BYTES + 1]);
    let mut outlet = Outlet::new(Slow::default(), 8192);
    outlet.push(Kind::Text, payload.clone());
    assert_eq!(outlet.large.as_ptr(), payload.as_ptr());
    assert!(outlet.poll_room(&mut Context::from_waker(Waker::noop())).is_pending(), "and nothing passes it");
}

#[test]
fn each_length_has_its_header() {
    for (bytes, header) in [
        (125, &[0x81, 125][..]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 255, 255]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut outlet = Outlet::new(Slow::default(), 0);
        outlet.push(Kind::Text, vec![b'x'; bytes].into());
        assert_eq!(outlet.gathered.get(..header.len()), Some(header), "{bytes}");
    }
}
