//! What clients in good standing get.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, SaltString},
};
use rtk_reader::caster::Config;
use rtk_reader::caster::core::{User, Users, parse_list};
use rtk_reader::frame::encode;
use tokio::io::AsyncWriteExt;

use crate::stage::{HERE_M, Stage, arp, behind, frame, numbers, read, rest, rev1, rev2, unchunked};

/// An epoch as a receiver sends it: RTCM among other things.
fn epoch(n: u32) -> (Vec<u8>, Vec<u8>) {
    let frames = [frame(1077, n, 400), frame(1087, n, 300), frame(1230, n, 20)];
    let nmea = encode::nmea("GNGLL,4503.94632,N,00739.54368,E,231408.00,A,A").expect("a sentence");
    let said = [&nmea[..], &frames[0], &nmea, &frames[1], b"noise", &frames[2]].concat();
    (said, frames.concat())
}

#[tokio::test]
async fn each_kind_of_client_gets_every_frame_and_nothing_else() {
    let stage = Stage::new(Config::default()).await;
    let mut old = stage.ask(&rev1("ROVER")).await;
    let mut new = stage.ask(&rev2("ROVER")).await;
    let mut plain = stage.ask("GET /ROVER HTTP/1.0\r\nNtrip-Version: Ntrip/2.0\r\n\r\n").await;
    // gpsd asks in HTTP/1.1 and wants rev 1.
    let mut gpsd = stage.ask("GET /ROVER HTTP/1.1\r\n\r\n").await;
    stage.until(|report| report.clients == 4).await;
    let mut sent = Vec::new();
    for n in 0..50 {
        let (said, frames) = epoch(n);
        // In pieces, as a line brings them.
        for piece in said.chunks(97) {
            stage.say(piece).await;
        }
        sent.extend(frames);
    }
    stage.end().await;
    for socket in [&mut old, &mut gpsd] {
        let got = rest(socket).await;
        assert_eq!(got.strip_prefix(b"ICY 200 OK\r\n"), Some(&sent[..]));
    }
    let got = rest(&mut new).await;
    assert!(got.starts_with(b"HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\n"));
    assert_eq!(unchunked(behind(&got, "Transfer-Encoding: chunked\r\n\r\n")), sent);
    let got = rest(&mut plain).await;
    assert_eq!(behind(&got, "Content-Type: gnss/data\r\n\r\n"), sent);
}

#[tokio::test]
async fn whoever_comes_in_the_middle_of_a_frame_starts_with_the_next() {
    let stage = Stage::new(Config::default()).await;
    let first = frame(1077, 1, 600);
    stage.say(&first[..300]).await;
    let mut late = stage.ask(&rev1("ROVER")).await;
    stage.until(|report| report.clients == 1).await;
    stage.say(&first[300..]).await;
    stage.say(&frame(1077, 2, 600)).await;
    stage.end().await;
    let got = rest(&mut late).await;
    assert_eq!(numbers(behind(&got, "ICY 200 OK\r\n")), [1077, 1077]);
}

#[tokio::test]
async fn two_hundred_clients_get_the_same() {
    const CLIENTS: usize = 200;
    let stage = Stage::new(Config::default()).await;
    let mut sockets = Vec::new();
    for n in 0..CLIENTS {
        let request = if n % 2 == 0 { rev1("ROVER") } else { rev2("ROVER") };
        sockets.push(stage.ask(&request).await);
    }
    stage.until(|report| report.clients == 200).await;
    let readers: Vec<_> =
        sockets.into_iter().map(|mut socket| tokio::spawn(async move { rest(&mut socket).await })).collect();
    let mut sent = Vec::new();
    for n in 0..100 {
        let (said, frames) = epoch(n);
        stage.say(&said).await;
        sent.extend(frames);
    }
    stage.end().await;
    for (n, reader) in readers.into_iter().enumerate() {
        let got = reader.await.expect("no panic");
        let body = match n % 2 {
            0 => behind(&got, "ICY 200 OK\r\n").to_vec(),
            _ => unchunked(behind(&got, "chunked\r\n\r\n")),
        };
        assert!(body == sent, "client {n}: {} of {} bytes", body.len(), sent.len());
    }
}

#[tokio::test]
async fn a_mountpoint_may_have_some_messages_only() {
    let mountpoints = parse_list("ROVER,MSM=1005,1087").expect("mountpoints");
    let stage = Stage::new(Config { mountpoints, ..Config::default() }).await;
    let mut some = stage.ask(&rev1("MSM")).await;
    stage.until(|report| report.clients == 1).await;
    stage.say(&[epoch(1).0, arp(HERE_M)].concat()).await;
    stage.end().await;
    assert_eq!(numbers(behind(&rest(&mut some).await, "ICY 200 OK\r\n")), [1087, 1005]);
}

#[tokio::test]
async fn the_table_is_told_without_a_password_and_of_what_is_sent() {
    let stage = Stage::new(with_users()).await;
    for n in 0..3 {
        stage.say(&epoch(n).0).await;
        stage.clock_ms.fetch_add(1000, std::sync::atomic::Ordering::Relaxed);
    }
    // The report of the next client comes after what was said.
    let _client = stage.ask(&asks("ROVER", "cm92ZXI6c2VjcmV0")).await;
    stage.until(|report| report.clients == 1).await;
    let table = stage.answer("GET / HTTP/1.1\r\n\r\n").await;
    assert!(
        table.starts_with("SOURCETABLE 200 OK\r\n") && table.ends_with("\r\nENDSOURCETABLE\r\n"),
        "{table}"
    );
    let (head, body) = table.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    let line = body.lines().find(|line| line.starts_with("STR;")).expect("a mountpoint");
    assert!(line.starts_with("STR;ROVER;none;RTCM 3.3;1005,1077(1),1087(1),1230(1);"), "{line}");
    assert_eq!(stage.answer(&rev1("NOBODY")).await, table, "rev 1 isn't told that it asked for nothing");
    let new = stage.answer(&rev2("")).await;
    assert!(new.starts_with("HTTP/1.1 200 OK\r\n") && new.contains("Content-Type: gnss/sourcetable\r\n"));
    assert_eq!(new.split_once("\r\n\r\n").map(|(_, body)| body), Some(body));
    let lost = stage.answer(&rev2("NOBODY")).await;
    assert!(lost.starts_with("HTTP/1.1 404 Not Found\r\n"), "{lost}");
    stage.end().await;
}

/// With the password `secret`.
fn with_users() -> Config {
    // Cheap: what a real one costs isn't tested here.
    let params = argon2::Params::new(8, 1, 1, None).expect("parameters");
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let salt = SaltString::encode_b64(&[7; 16]).expect("a salt");
    let hash = argon2.hash_password(b"secret", &salt).expect("a hash").to_string();
    let user = User { name: "rover".into(), hash, mountpoints: None };
    Config { users: Users::new(vec![user]).expect("users"), ..Config::default() }
}

fn asks(mountpoint: &str, credentials: &str) -> String {
    format!("GET /{mountpoint} HTTP/1.0\r\nAuthorization: Basic {credentials}\r\n\r\n")
}

#[tokio::test]
async fn who_has_a_password_and_who_has_none() {
    let stage = Stage::new(with_users()).await;
    let mut good = stage.ask(&asks("ROVER", "cm92ZXI6c2VjcmV0")).await;
    assert_eq!(read(&mut good, 12).await, b"ICY 200 OK\r\n");
    let report = stage.until(|report| report.clients == 1).await;
    assert_eq!(report.ntrip_clients[0].user.as_deref(), Some("rover"));
    for bad in [rev1("ROVER"), rev2("ROVER"), asks("ROVER", "!!"), asks("ROVER", "bm9ib2R5OnNlY3JldA==")] {
        let answer = stage.answer(&bad).await;
        assert!(answer.contains(" 401 Unauthorized\r\n"), "{answer}");
        assert!(answer.contains("\r\nWWW-Authenticate: Basic realm=\"/ROVER\"\r\n"), "{answer}");
    }
    // nobody:secret was one wrong guess, these are nine more; then none is looked at.
    for _ in 1..rtk_reader::caster::core::FAILURES {
        assert!(stage.answer(&asks("ROVER", "cm92ZXI6d3Jvbmc=")).await.contains(" 401 "));
    }
    let barred = stage.answer(&asks("ROVER", "cm92ZXI6d3Jvbmc=")).await;
    assert!(barred.starts_with("HTTP/1.0 429 ") && barred.contains("Retry-After"), "{barred}");
    // Who is in stays in, and who was verified before comes in again.
    let mut again = stage.ask(&asks("ROVER", "cm92ZXI6c2VjcmV0")).await;
    assert_eq!(read(&mut again, 12).await, b"ICY 200 OK\r\n");
    stage.clock_ms.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    assert!(stage.answer(&asks("ROVER", "cm92ZXI6d3Jvbmc=")).await.contains(" 401 "), "a minute later");
    stage.say(&frame(1077, 1, 100)).await;
    stage.end().await;
    assert_eq!(rest(&mut good).await, frame(1077, 1, 100));
}

#[tokio::test]
async fn where_clients_say_they_are_is_kept() {
    let gga = |quality: u8| {
        let body =
            format!("GNGGA,231408.00,4503.94632,N,00739.54368,E,{quality},12,0.8,257.4,M,47.2,M,1.4,1");
        String::from_utf8(encode::nmea(&body).expect("a sentence")).expect("ASCII")
    };
    let stage = Stage::new(Config::default()).await;
    // With the request, in the same segment.
    let mut client = stage.ask(&(rev1("ROVER") + &gga(5))).await;
    let is_of = |quality| {
        move |report: &rtk_reader::caster::Report| {
            report.ntrip_clients.first().is_some_and(|client| client.fix_quality == Some(quality))
        }
    };
    let report = stage.until(is_of(5)).await;
    let told = &report.ntrip_clients[0];
    assert!((told.latitude.expect("a position") - 45.065_772).abs() < 1e-6, "{told:?}");
    assert_eq!((told.correction_age, told.last_gga), (Some(1.4), Some(1_800_000_000_000)));
    assert_eq!((told.mountpoint.as_str(), told.user_agent.as_deref()), ("ROVER", Some("NTRIP test/1")));
    // And later, in pieces.
    let later = gga(4);
    client.write_all(&later.as_bytes()[..20]).await.expect("it reads");
    client.write_all(&later.as_bytes()[20..]).await.expect("it reads");
    stage.until(is_of(4)).await;
    // In a header of rev 2.
    drop(client);
    stage.until(|report| report.clients == 0).await;
    let header = format!("Ntrip-Version: Ntrip/2.0\r\nNtrip-GGA: {}\r\n\r\n", gga(1).trim());
    let _client = stage.ask(&format!("GET /ROVER HTTP/1.1\r\n{header}")).await;
    stage.until(is_of(1)).await;
    stage.end().await;
}

#[tokio::test]
async fn the_raw_stream_is_every_byte() {
    let stage = Stage::silent(Config::default()).await;
    let mut raw = tokio::net::TcpStream::connect(stage.raw).await.expect("it listens");
    stage.until(|report| report.corrections.raw_clients == 1).await;
    stage.open().await;
    let (said, _) = epoch(1);
    stage.say(&said).await;
    raw.write_all(b"$PUBX,00*33\r\n").await.expect("it reads");
    stage.say(b"\xD3 and whatever else").await;
    stage.end().await;
    assert_eq!(rest(&mut raw).await, [&said[..], b"\xD3 and whatever else"].concat());
}
