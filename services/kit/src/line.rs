//! One connection until it is a WebSocket: whether a request is under way, and whether its peer takes the
//! answers.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// After a stop, how long an answer may wait for its peer to take any of it; then the connection ends.
const STOPPED_WRITE: Duration = Duration::from_secs(1);

/// What the server, the handlers and the socket of one connection tell each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requests: AtomicUsize,
    upgraded: AtomicBool,
    stopping: AtomicBool,
    stalled: AtomicBool,
}

impl Line {
    /// A request is under way until this is dropped.
    pub(crate) fn request(&self) -> UnderWay {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Neither a request is under way, nor an answer that the peer has yet to take.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.requests.load(Ordering::Relaxed) == 0 && !self.0.stalled.load(Ordering::Relaxed)
    }

    /// It is a WebSocket now: the session says how long a write may take.
    pub(crate) fn upgraded(&self) {
        self.0.upgraded.store(true, Ordering::Relaxed);
    }

    /// The service stops: a peer that takes nothing has little time left.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}

/// A request that is being handled.
#[derive(Debug)]
pub(crate) struct UnderWay(Line);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Fails a write whose peer takes nothing for too long.
#[derive(Debug)]
pub(crate) struct WriteWatch {
    line: Line,
    limit: Duration,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
    hurried: bool,
    expired: bool,
}

impl WriteWatch {
    pub(crate) fn new(line: Line, limit: Duration) -> Self {
        Self { line, limit, timer: None, hurried: false, expired: false }
    }

    /// A write failed for the time it took.
    pub(crate) fn has_expired(&self) -> bool {
        self.expired
    }

    /// Looks at what a write came to; in place of one that waits too long stands an error.
    pub(crate) fn check<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        let state = &*self.line.0;
        if written.is_ready() || state.upgraded.load(Ordering::Relaxed) {
            if self.timer.take().is_some() {
                state.stalled.store(false, Ordering::Relaxed);
            }
            return written;
        }
        state.stalled.store(true, Ordering::Relaxed);
        let stopping = state.stopping.load(Ordering::Relaxed);
        if stopping && !self.hurried {
            self.hurried = true;
            self.limit = self.limit.min(STOPPED_WRITE);
            self.timer = None;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.expired = true;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no answers")))
    }
}
