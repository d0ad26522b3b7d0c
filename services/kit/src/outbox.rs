//! What waits for one WebSocket.
//!
//! The runner pushes and never waits; the session loop takes all at once when its last write has gone
//! through. A queue that overflows is emptied and takes nothing more until the session has asked for the
//! whole state: a peer too slow is never waited for and never forgotten.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

/// The largest frame that is sent at all, bytes. A larger one ends the connection with 1011.
pub const MAX_FRAME_BYTES: usize = 16 << 20;

/// A queue of up to this many frames keeps its memory when it has been emptied; a larger one gives it back.
const KEPT_CAPACITY: usize = 32;

/// A text frame on its way to one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutFrame {
    /// Shared with every other connection it goes to.
    pub text: Utf8Bytes,
    /// See [`Output::Publish`](crate::machine::Output::Publish).
    pub key: Option<u64>,
    /// The number of its `Out` event on the tap; 0 when no machine made it or nobody records.
    pub seq: u64,
    /// It isn't text but a ping that carries this number; see [`Output::Ping`](crate::machine::Output::Ping).
    pub ping: Option<u64>,
}

/// How much may wait for one connection; what doesn't fit empties the queue and marks it lagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Frames.
    pub frames: usize,
    /// Bytes of text, most of it shared with other outboxes. A frame larger than this still goes through when
    /// nothing else waits.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { frames: 1024, bytes: 8 << 20 }
    }
}

/// Why a connection is to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// RFC 6455 section 7.4.
    pub code: u16,
    /// At most 123 bytes are sent.
    pub reason: String,
}

/// Whether the limits count a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// One of many changes.
    Yes,
    /// Part of the answer to `Open` or `Lagged`: a whole state, however large, must fit, or a watcher could
    /// lag for ever. The state bounds it.
    No,
}

/// What became of a pushed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// It didn't fit: it and all that waited are gone, and the connection lags.
    Overflowed,
    /// The connection lags or closes: it takes nothing.
    Ignored,
    /// Larger than [`MAX_FRAME_BYTES`].
    TooLarge,
}

/// What a session loop took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The queue had overflowed: tell the runner `Lagged`. Said once for each overflow.
    pub lagged: bool,
    /// After the frames taken, close. Nothing follows.
    pub close: Option<CloseReason>,
}

/// The queue itself, without lock and waker.
#[derive(Debug)]
pub struct Queue {
    limits: OutboxLimits,
    frames: VecDeque<OutFrame>,
    counted_frames: usize,
    counted_bytes: usize,
    flow: Flow,
    close: Option<CloseReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Flowing,
    /// Overflowed; the session doesn't know yet.
    Lagged,
    /// The session was told.
    Told,
    /// A close was asked for.
    Closing,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: OutboxLimits) -> Self {
        Self {
            limits,
            frames: VecDeque::new(),
            counted_frames: 0,
            counted_bytes: 0,
            flow: Flow::Flowing,
            close: None,
        }
    }

    /// Takes a frame, or says why not.
    pub fn push(&mut self, frame: OutFrame, counted: Counted) -> Pushed {
        if self.flow != Flow::Flowing {
            return Pushed::Ignored;
        }
        let bytes = frame.text.len();
        if bytes > MAX_FRAME_BYTES {
            return Pushed::TooLarge;
        }
        if counted == Counted::Yes {
            let full = self.counted_frames >= self.limits.frames
                || (!self.frames.is_empty() && self.counted_bytes + bytes > self.limits.bytes);
            if full {
                self.clear();
                self.flow = Flow::Lagged;
                return Pushed::Overflowed;
            }
            self.counted_frames += 1;
            self.counted_bytes += bytes;
        }
        self.frames.push_back(frame);
        Pushed::Queued
    }

    /// Moves all that waits behind what `into` already holds.
    pub fn take(&mut self, into: &mut VecDeque<OutFrame>) -> Taken {
        if into.is_empty() {
            mem::swap(into, &mut self.frames);
        } else {
            into.append(&mut self.frames);
        }
        self.clear();
        let lagged = self.flow == Flow::Lagged;
        if lagged {
            self.flow = Flow::Told;
        }
        Taken { lagged, close: self.close.take() }
    }

    /// The session knows that it lagged: frames are taken again.
    pub fn resume(&mut self) {
        if matches!(self.flow, Flow::Lagged | Flow::Told) {
            self.flow = Flow::Flowing;
        }
    }

    /// Close after what waits now; what comes later is ignored. The first reason stays.
    pub fn close(&mut self, reason: CloseReason) {
        if self.flow != Flow::Closing {
            self.flow = Flow::Closing;
            self.close = Some(reason);
        }
    }

    /// Whether a close was asked for and not taken yet.
    #[must_use]
    pub fn wants_close(&self) -> bool {
        self.close.is_some()
    }

    /// Whether [`take`](Self::take) would give nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.frames.is_empty() && self.flow != Flow::Lagged && self.close.is_none()
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.counted_frames = 0;
        self.counted_bytes = 0;
        if self.frames.capacity() > KEPT_CAPACITY {
            self.frames = VecDeque::new();
        }
    }
}

/// A [`Queue`] between the runner and one session loop. No lock outlives a call.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    waiting: Notify,
}

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new(limits: OutboxLimits) -> Self {
        Self { queue: Mutex::new(Queue::new(limits)), waiting: Notify::new() }
    }

    /// [`Queue::push`], and wakes the session.
    pub fn push(&self, frame: OutFrame, counted: Counted) -> Pushed {
        self.change(|queue| queue.push(frame, counted))
    }

    /// [`Queue::take`].
    pub fn take(&self, into: &mut VecDeque<OutFrame>) -> Taken {
        self.lock().take(into)
    }

    /// [`Queue::resume`].
    pub fn resume(&self) {
        self.lock().resume();
    }

    /// [`Queue::close`], and wakes the session.
    pub fn close(&self, code: u16, reason: &str) {
        self.change(|queue| queue.close(CloseReason { code, reason: reason.to_owned() }));
    }

    /// [`Queue::wants_close`].
    #[must_use]
    pub fn wants_close(&self) -> bool {
        self.lock().wants_close()
    }

    /// Ends when there was, since the last call, something to take.
    pub async fn changed(&self) {
        self.waiting.notified().await;
    }

    /// Wakes the session only when it had nothing to take before and has now, or is to close.
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.lock();
        let before = (queue.is_idle(), queue.wants_close());
        let result = change(&mut queue);
        let after = (queue.is_idle(), queue.wants_close());
        drop(queue);
        if before != after {
            self.waiting.notify_one();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing inside can panic half-way; were it so, the queue is still a queue.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
