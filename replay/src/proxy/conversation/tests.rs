use super::*;
use proptest::prelude::*;

use crate::proxy::ws::tests::frame;

fn rules() -> Rules {
    Rules { masks: Arc::default(), prefix: String::new(), keep_extensions: false, host: None }
}

/// What a connection was told, and what went on to the upstream.
#[derive(Debug)]
struct Wire {
    conversation: Conversation,
    to_upstream: Vec<u8>,
    events: Vec<ProxyEvent>,
}

impl Wire {
    fn new(rules: Rules) -> Self {
        Self { conversation: Conversation::new(1, rules), to_upstream: Vec::new(), events: Vec::new() }
    }

    /// As the shell does it.
    fn send(&mut self, from: Side, bytes: &[u8]) {
        if self.conversation.is_transparent(from) {
            if from == Side::Client {
                self.to_upstream.extend_from_slice(bytes);
            }
            self.conversation.push(from, bytes, None, &mut self.events);
        } else {
            self.conversation.push(from, bytes, Some(&mut self.to_upstream), &mut self.events);
        }
    }

    fn client(&mut self, text: &str) {
        self.send(Side::Client, text.as_bytes());
    }

    fn upstream(&mut self, text: &str) {
        self.send(Side::Upstream, text.as_bytes());
    }

    fn end(&mut self, from: Side) {
        let held = self.conversation.end(from, &mut self.events);
        if from == Side::Client {
            self.to_upstream.extend(held);
        }
    }

    /// One line for each event.
    fn told(&self) -> String {
        self.events.iter().map(|event| crate::proxy::line::of(event) + "\n").collect()
    }
}

/// Pieces of bodies that follow each other are one: where they are cut depends on the network.
fn joined(events: &[ProxyEvent]) -> Vec<ProxyEvent> {
    let mut out: Vec<ProxyEvent> = Vec::new();
    for event in events {
        let whole = match (out.last_mut(), event) {
            (
                Some(ProxyEvent::Body { id, from, payload, .. }),
                ProxyEvent::Body { id: next_id, from: next_from, payload: next, .. },
            ) if (&*id, &*from) == (next_id, next_from) => Some((payload, next)),
            (
                Some(ProxyEvent::Raw { from, payload, .. }),
                ProxyEvent::Raw { from: next_from, payload: next, .. },
            ) if from == next_from => Some((payload, next)),
            _ => None,
        };
        match whole {
            Some((payload, next)) => {
                *payload = match (&*payload, next) {
                    (Payload::Withheld(a), Payload::Withheld(b)) => Payload::Withheld(a + b),
                    (a, b) => Payload::Bytes([a.as_bytes().unwrap(), b.as_bytes().unwrap()].concat()),
                }
            }
            None => out.push(event.clone()),
        }
    }
    for event in &mut out {
        if let ProxyEvent::Body { payload, .. } = event {
            *payload = Payload::Bytes(payload.as_bytes().unwrap().to_vec());
        }
    }
    out
}

const UPGRADE: &str = "GET /ws?token=s3cret HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: depot.v1\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: depot.v1\r\n\r\n";

#[test]
fn requests_on_one_connection_meet_their_answers() {
    let mut wire = Wire::new(rules());
    wire.client(
        "HEAD /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    wire.upstream("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    wire.client("okGET /c HTTP/1.1\r\n\r\n");
    wire.upstream("HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 1\r\n\r\n");
    wire.upstream("HTTP/1.1 200 OK\r\n\r\nall the rest");
    assert!(!wire.conversation.may_stop());
    wire.end(Side::Upstream);
    insta::assert_snapshot!(wire.told(), @r"
    client ▶ connection 1 request 1 HEAD /a
    client ▶ connection 1 request 2 POST /b
    client ◀ connection 1 request 1 200 OK
    client ◀ connection 1 request 2 100 Continue
    client ▶ connection 1 request 2 ok
    client ▶ connection 1 request 2 body whole
    client ▶ connection 1 request 3 GET /c
    client ◀ connection 1 request 2 201 Made
    client ◀ connection 1 request 2 abc
    client ◀ connection 1 request 2 body whole
    client ◀ connection 1 request 3 200 OK
    client ◀ connection 1 request 3 all the rest
    client ◀ connection 1 request 3 body whole
    ");
}

#[test]
fn an_upgrade_becomes_frames_without_an_extension() {
    let mut wire = Wire::new(rules());
    wire.client(UPGRADE);
    // Before it may, but it does.
    wire.send(Side::Client, &frame(0x81, b"early", Some([1, 2, 3, 4])));
    wire.upstream(SWITCHING);
    wire.send(Side::Upstream, &frame(0x82, b"\x00\xff", None));
    wire.send(Side::Client, &frame(0x88, b"\x03\xe8bye", Some([0; 4])));
    insta::assert_snapshot!(wire.told(), @r"
    client ▶ connection 1 request 1 GET /ws?token=masked:1
    client ◀ connection 1 request 1 101 Switching Protocols
    client ▶ connection 1 text early
    client ◀ connection 1 binary 2 bytes \x00\xff
    client ▶ connection 1 close 1000 bye
    ");
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    assert!(wire.to_upstream.starts_with(UPGRADE.replace(offer, "").as_bytes()));
    let ProxyEvent::Request { removed, headers, .. } = &wire.events[0] else { panic!() };
    assert_eq!(removed, &["Sec-WebSocket-Extensions"]);
    assert_eq!(headers.len(), 5, "recorded as it was sent");
    assert!(wire.conversation.may_stop());
}

#[test]
fn an_offer_is_passed_on_where_asked_for() {
    let mut wire = Wire::new(Rules { keep_extensions: true, ..rules() });
    wire.client(UPGRADE);
    wire.upstream(&SWITCHING.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
    wire.send(Side::Upstream, &frame(0xc1, b"xyz", None));
    assert_eq!(wire.to_upstream, UPGRADE.as_bytes());
    let Some(ProxyEvent::Frame { rsv, fault, payload, .. }) = wire.events.last() else { panic!() };
    assert_eq!((*rsv, *fault, payload), (4, None, &Payload::Bytes(b"xyz".to_vec())));
}

#[test]
fn an_upgrade_that_is_answered_with_http_goes_on_as_http() {
    let mut wire = Wire::new(rules());
    wire.client(&UPGRADE.replace("permessage-deflate", ""));
    wire.client("GET /ne");
    wire.upstream("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
    wire.client("xt HTTP/1.1\r\n\r\nGET /last HTTP/1.1\r\n\r\n");
    insta::assert_snapshot!(wire.told(), @r"
    client ▶ connection 1 request 1 GET /ws?token=masked:1
    client ◀ connection 1 request 1 426 Upgrade Required
    client ▶ connection 1 request 2 GET /next
    client ▶ connection 1 request 3 GET /last
    ");
    let sent = String::from_utf8(wire.to_upstream).unwrap();
    assert!(sent.ends_with("\r\n\r\nGET /next HTTP/1.1\r\n\r\nGET /last HTTP/1.1\r\n\r\n"), "{sent}");
}

#[test]
fn a_prefix_goes_before_the_path_and_nowhere_else() {
    let mut wire = Wire::new(Rules { prefix: "/v1".to_owned(), ..rules() });
    wire.client("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n /bOPTIONS * HTTP/1.1\r\n\r\n");
    assert_eq!(
        String::from_utf8(wire.to_upstream).unwrap(),
        "POST /v1/a HTTP/1.1\r\nContent-Length: 3\r\n\r\n /bOPTIONS * HTTP/1.1\r\n\r\n"
    );
    let ProxyEvent::Request { target, forwarded, .. } = &wire.events[0] else { panic!() };
    assert_eq!((target.as_str(), forwarded.as_deref()), ("/a", Some("/v1/a")));
}

#[test]
fn what_is_no_http_is_forwarded_told_and_not_kept() {
    let sent = "GET / HTTP/1.1\r\nAuthorization Bearer s3cret\r\n\r\nmore s3cret";
    let mut wire = Wire::new(rules());
    wire.client(sent);
    assert_eq!(wire.to_upstream, sent.as_bytes());
    insta::assert_snapshot!(wire.told(), @r"
    client ▶ connection 1 breaks the protocol: a request's head can't be read: invalid header name
    client ▶ connection 1 47 bytes, not kept
    client ▶ connection 1 11 bytes, not kept
    ");
    let mut open = Wire::new(Rules { masks: Arc::new(Masks::off()), ..rules() });
    open.client(sent);
    assert!(open.told().contains("s3cret"));
}

#[test]
fn an_answer_nobody_waited_for_is_told() {
    let mut wire = Wire::new(rules());
    wire.upstream("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.told(), "client ◀ connection 1 request 0 408 Request Timeout\n");
}

#[test]
fn a_refusal_to_a_head_has_no_body() {
    let mut wire = Wire::new(rules());
    wire.client("HEAD / HTTP/1.1\r\n\r\n");
    let answer = wire.conversation.refuse(502, "Bad Gateway", "it is away", &mut wire.events);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

/// A conversation that holds nearly everything, and bytes that are nothing.
fn script() -> impl Strategy<Value = Vec<(Side, Vec<u8>)>> {
    let body = proptest::collection::vec(any::<u8>(), 0..40);
    let post = body.clone().prop_map(|body| {
        let head = format!("POST /p?key=K HTTP/1.1\r\nCookie: a=b\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len().max(1));
        let content = if body.is_empty() { vec![0] } else { body.clone() };
        vec![
            (Side::Client, [head.as_bytes(), &body].concat()),
            (Side::Upstream, [answer.as_bytes(), &content, b"\r\n0\r\n\r\n"].concat()),
        ]
    });
    let upgrade = body.clone().prop_map(|body| {
        vec![
            (Side::Client, UPGRADE.as_bytes().to_vec()),
            (Side::Upstream, [SWITCHING.as_bytes(), &frame(0x82, &body, None)].concat()),
            (Side::Client, frame(0x01, &body, Some([7, 8, 9, 10]))),
            (Side::Client, frame(0x88, &[], Some([7, 8, 9, 10]))),
        ]
    });
    let noise = body.prop_map(|body| vec![(Side::Client, body.clone()), (Side::Upstream, body)]);
    (proptest::collection::vec(post, 0..3), prop_oneof![2 => upgrade, 1 => noise])
        .prop_map(|(posts, last)| posts.into_iter().flatten().chain(last).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Whatever pieces the bytes come in, the same is told of them and the same bytes go on.
    #[test]
    fn any_chunking_is_the_same_conversation(script in script(), chunk in 1usize..50) {
        let mut whole = Wire::new(rules());
        let mut cut = Wire::new(rules());
        for (from, bytes) in &script {
            whole.send(*from, bytes);
            for piece in bytes.chunks(chunk) {
                cut.send(*from, piece);
            }
        }
        for wire in [&mut whole, &mut cut] {
            wire.end(Side::Client);
            wire.end(Side::Upstream);
        }
        prop_assert_eq!(joined(&whole.events), joined(&cut.events));
        prop_assert_eq!(&whole.to_upstream, &cut.to_upstream);
        let sent: Vec<u8> =
            script.iter().filter(|(from, _)| *from == Side::Client).flat_map(|(_, bytes)| bytes.clone()).collect();
        let offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let without: Vec<u8> = match sent.windows(offer.len()).position(|window| window == offer) {
            Some(at) => [&sent[..at], &sent[at + offer.len()..]].concat(),
            None => sent,
        };
        prop_assert_eq!(whole.to_upstream, without);
    }

    /// Nothing is sent twice, left out or made up, whatever it is.
    #[test]
    fn any_bytes_go_on_as_they_are(pieces in proptest::collection::vec((any::<bool>(), "[GET /HP1.\r\n:a]{0,30}"), 0..20)) {
        let mut wire = Wire::new(rules());
        let mut sent = Vec::new();
        for (client, piece) in &pieces {
            if *client {
                sent.extend_from_slice(piece.as_bytes());
            }
            wire.send(if *client { Side::Client } else { Side::Upstream }, piece.as_bytes());
        }
        wire.end(Side::Client);
        prop_assert_eq!(wire.to_upstream, sent);
    }
}
