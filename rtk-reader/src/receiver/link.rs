//! One question to a receiver at a time: asked again when no answer comes, and its answer found among all that a
//! receiver says by itself.

use std::{collections::VecDeque, time::Duration};

use super::{Answer, Item, Request};
use crate::{
    Timestamp,
    decode::{
        self, Message,
        ubx::{CfgValget, Packet},
    },
    frame::Frame,
};

/// How often a question that changes something is put; then the receiver counts as silent.
pub const TRIES: u32 = 3;

/// How long an answer may take: a second for the receiver, and what a full transmit buffer (4 kB at a receiver
/// that floods its line) and the longest answer need at the line's speed.
#[must_use]
pub fn answer_time(baud: Option<u32>) -> Duration {
    const BACKLOG_BITS: u64 = 10 * 5000;
    let line = baud.map_or(0, |baud| BACKLOG_BITS * 1000 / u64::from(baud.max(1)));
    Duration::from_millis(1000 + line.min(10_000))
}

/// A conversation with a receiver, without the port: whoever holds that takes what is to be done, tells what was heard
/// and that time has passed, until it is done.
pub trait Conversation {
    /// What is to be done next; asked for at the beginning and after every other call, until there is nothing.
    fn take(&mut self) -> Option<Do>;

    /// When to call [`timeout`](Self::timeout).
    fn next_timeout(&self) -> Option<Timestamp>;

    /// A frame has come from the receiver.
    fn heard(&mut self, now: Timestamp, frame: &Frame<'_>);

    /// Time has passed.
    fn timeout(&mut self, now: Timestamp);

    /// The port is gone.
    fn lost(&mut self);

    /// Somebody wants it to end as soon as that does no harm.
    fn stop(&mut self, now: Timestamp);

    /// It has a result.
    fn is_done(&self) -> bool;
}

/// What whoever holds the port has to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Write these bytes.
    Write(Vec<u8>),
    /// When all written bytes have left, set the line's own speed, bits per second.
    Speed(u32),
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// ACK-ACK to a VALSET or VALDEL.
    Acknowledged,
    /// ACK-NAK.
    Refused,
    /// To a VALGET.
    Values(Vec<Item>),
    /// To a poll.
    Message(Box<Packet>),
    /// Nothing, however often asked.
    Silence,
}

/// A link to a receiver. Put one question with [`ask`](Self::ask), then wait for the reply.
#[derive(Debug)]
pub(super) struct Link {
    answer_time: Duration,
    /// A late answer to one question can't be taken for one to another: each asks for something else.
    distinct: bool,
    state: State,
    todo: VecDeque<Do>,
}

#[derive(Debug)]
enum State {
    Idle,
    Waiting {
        request: Request,
        asked: u32,
        tries_left: u32,
        until: Timestamp,
    },
    /// Asked more than once: answers to the earlier questions may still come and must not be taken for those to
    /// the next one.
    Settling {
        reply: Reply,
        until: Timestamp,
    },
}

impl Link {
    pub(super) fn new(answer_time: Duration) -> Self {
        Self { answer_time, distinct: false, state: State::Idle, todo: VecDeque::new() }
    }

    /// For questions of which each asks for something else.
    pub(super) fn distinct(answer_time: Duration) -> Self {
        Self { distinct: true, ..Self::new(answer_time) }
    }

    /// The line's speed has changed.
    pub(super) fn set_answer_time(&mut self, answer_time: Duration) {
        self.answer_time = answer_time;
    }

    pub(super) fn take(&mut self) -> Option<Do> {
        self.todo.pop_front()
    }

    pub(super) fn set_speed(&mut self, baud: u32) {
        self.todo.push_back(Do::Speed(baud));
    }

    /// Puts a question, at most `tries` times.
    pub(super) fn ask(&mut self, now: Timestamp, request: Request, tries: u32) {
        self.put(now, request, 1, tries);
    }

    fn put(&mut self, now: Timestamp, request: Request, asked: u32, tries: u32) {
        // Requests are made here, of at most 64 keys that have a size.
        self.todo.push_back(Do::Write(request.frame().unwrap_or_default()));
        let until = now.saturating_add(self.answer_time);
        self.state = State::Waiting { request, asked, tries_left: tries.saturating_sub(1), until };
    }

    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        match &self.state {
            State::Idle => None,
            State::Waiting { until, .. } | State::Settling { until, .. } => Some(*until),
        }
    }

    /// A frame has come: is it the answer?
    pub(super) fn heard(&mut self, now: Timestamp, frame: &Frame<'_>) -> Option<Reply> {
        let State::Waiting { request, asked, .. } = &self.state else { return None };
        let reply = answer_to(request, frame)?;
        let told = matches!(reply, Reply::Values(_) | Reply::Message(_));
        if *asked > 1 && !(self.distinct && told) {
            self.state = State::Settling { reply, until: now.saturating_add(self.answer_time) };
            return None;
        }
        self.state = State::Idle;
        Some(reply)
    }

    /// Time has passed.
    pub(super) fn timeout(&mut self, now: Timestamp) -> Option<Reply> {
        if self.next_timeout().is_none_or(|until| until > now) {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting { request, asked, tries_left, .. } if tries_left > 0 => {
                self.put(now, request, asked + 1, tries_left);
                None
            }
            State::Waiting { .. } => Some(Reply::Silence),
            State::Settling { reply, .. } => Some(reply),
            State::Idle => None,
        }
    }
}

fn answer_to(request: &Request, frame: &Frame<'_>) -> Option<Reply> {
    if let Request::Poll { .. } = request
        && let Message::Ubx(packet) = decode::decode(frame)
        && frame.bytes.get(2..4) == Some(&[request.message().0, request.message().1])
        && !matches!(packet, Packet::Malformed { .. } | Packet::CfgValget(CfgValget { version: 0, .. }))
        && !frame.payload().is_empty()
    {
        return Some(Reply::Message(Box::new(packet)));
    }
    match (Answer::read(frame)?, request) {
        (Answer::Ack { acknowledged: false, class, id }, _) if (class, id) == request.message() => {
            Some(Reply::Refused)
        }
        (Answer::Ack { class, id, .. }, Request::Set { .. } | Request::Delete { .. })
            if (class, id) == request.message() =>
        {
            Some(Reply::Acknowledged)
        }
        (Answer::Values { layer, position, items }, Request::Get { layer: l, position: p, keys })
            if (layer, position) == (*l, *p)
                && items.iter().all(|item| keys.iter().any(|key| key.asks_for(item.key))) =>
        {
            Some(Reply::Values(items))
        }
        _ => None,
    }
}
