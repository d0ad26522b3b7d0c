//! The wire in, the wire out: bytes, HTTP and WebSocket text.

mod caster;
mod feed;
mod properties;

use super::*;

/// A machine, its clock and everything that came out.
struct Bench {
    codec: Codec,
    now: Timestamp,
    out: Vec<(Timestamp, Output)>,
}

const START: Timestamp = Duration::from_secs(1_700_000_000);

/// The example of RTCM 10403.3, 3.5.2: a 1005 of station 2003.
const RTCM_1005: [u8; 25] = [
    0xD3, 0x00, 0x13, 0x3E, 0xD7, 0xD3, 0x02, 0x02, 0x98, 0x0E, 0xDE, 0xEF, 0x34, 0xB4, 0xBD, 0x62, 0xAC,
    0x09, 0x41, 0x98, 0x6F, 0x33, 0x36, 0x0B, 0x98,
];

const GGA: &str = "GNGGA,084159.00,3203.94995,N,03446.42914,E,4,12,0.80,54.6,M,17.5,M,1.0,0041";

fn nmea(sentence: &str) -> Vec<u8> {
    let sum = sentence.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${sentence}*{sum:02X}\r\n").into_bytes()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    fn new(source: Source) -> Self {
        Self { codec: machine(&Config { source }), now: START, out: Vec::new() }
    }

    fn open() -> Self {
        let mut bench = Self::new(Source::Local);
        bench.stream(StreamEvent::Opened { device: "/dev/ttyACM0".to_owned(), baud: None });
        bench
    }

    /// What comes out at once.
    fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.codec.handle(self.now, input, &mut out);
        self.out.extend(out.iter().cloned().map(|output| (self.now, output)));
        out
    }

    fn stream(&mut self, event: StreamEvent) -> Vec<Output> {
        self.handle(Input::Stream { event })
    }

    fn bytes(&mut self, bytes: impl Into<Vec<u8>>) -> Vec<Output> {
        let received_at_ns = u64::try_from(self.now.as_nanos()).unwrap();
        self.stream(StreamEvent::Bytes { received_at_ns, bytes: bytes.into() })
    }

    fn connect(&mut self, conn: ConnId, path: &str) -> Vec<Output> {
        self.handle(Input::Open { conn, path: path.to_owned(), query: String::new() })
    }

    fn text(&mut self, conn: ConnId, text: &str) -> Vec<Output> {
        self.handle(Input::Text { conn, text: text.into() })
    }

    fn http(&mut self, method: &str, path: &str) -> (u16, String) {
        let (method, path) = (method.to_owned(), path.to_owned());
        let out = self.handle(Input::Http {
            id: 7,
            method,
            path,
            query: String::new(),
            body: String::new(),
            idempotency_key: None,
        });
        match out.as_slice() {
            [Output::Http { id: 7, status, body, .. }, ..] => (*status, body.clone()),
            other => panic!("not one answer: {other:?}"),
        }
    }

    /// Time passes, and every time-out fires when it wants to.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.codec.next_timeout().filter(|&at| at <= end) {
            let at = at.max(self.now);
            self.now = at;
            let mut out = Vec::new();
            self.codec.handle_timeout(at, &mut out);
            self.out.extend(out.into_iter().map(|output| (at, output)));
            assert!(
                self.codec.next_timeout().is_none_or(|next| next > at),
                "a time-out that doesn't go away"
            );
        }
        self.now = end;
    }

    fn published(&self) -> Vec<(Timestamp, &str)> {
        self.out
            .iter()
            .filter_map(|(at, output)| match output {
                Output::Publish { text, .. } => Some((*at, text.as_str())),
                _ => None,
            })
            .collect()
    }
}

fn sent(out: &[Output]) -> &str {
    match out {
        [Output::Send { text, .. }] => text,
        other => panic!("not one frame: {other:?}"),
    }
}

#[test]
fn a_console_gets_the_status_on_connect_and_on_each_change() {
    let mut bench = Bench::open();
    insta::assert_snapshot!(sent(&bench.connect(1, "/ws")), @r#"{"type":"gps_status","data":{"connected":true,"mode":"unknown","fixQuality":"no_fix","satellites":0,"latitude":null,"longitude":null,"altitude":null,"hdop":null,"surveyIn":null,"rtcmMessages":[],"clients":null,"lastUpdate":1700000000000,"satellitesInView":[],"station":null,"receiver":null,"antennas":[],"errors":{"badChecksum":0,"falseStart":0,"oversize":0,"noiseBytes":0,"undecodable":0,"disconnects":0,"silences":0,"otherRtcm":0},"line":{"device":"/dev/ttyACM0","baud":null,"bytesPerSecond":0.0,"load":null}}}"#);
    bench.bytes(nmea(GGA));
    assert_eq!(bench.out.len(), 1, "not at once");
    bench.pass(ms(50));
    let [.., (at, Output::Publish { path, text, key })] = bench.out.as_slice() else { panic!() };
    assert_eq!((*at, path.as_str(), *key), (START + ms(40), "/ws", Some(0)));
    assert!(text.contains(r#""fixQuality":"rtk_fixed","satellites":12,"latitude":32.06583"#), "{text}");
    assert_eq!(sent(&bench.connect(2, "/ws")), bench.published()[0].1);
    let lagged = bench.handle(Input::Lagged { conn: 1 });
    assert_eq!(sent(&lagged), bench.published()[0].1);
}

#[test]
fn one_text_is_shared_by_publication_snapshot_and_answer() {
    let mut bench = Bench::open();
    bench.bytes(nmea(GGA));
    let before = bench.connect(1, "/ws");
    bench.pass(ms(50));
    let [.., (_, Output::Publish { text, .. })] = bench.out.as_slice() else { panic!() };
    let [Output::Send { text: snapshot, .. }] = before.as_slice() else { panic!() };
    assert_eq!(text.as_ptr(), snapshot.as_ptr(), "serialised once");
    let (status, body) = bench.http("GET", "/status");
    assert_eq!((status, format!("{FRAME_HEAD}{body}{FRAME_TAIL}")), (200, snapshot.to_string()));
    let frame: wire::gps_status::GpsStatusFrame = serde_json::from_str(snapshot).unwrap();
    assert_eq!(serde_json::to_string(&frame).unwrap(), snapshot.as_str(), "as wire would write it");
    assert_eq!(bench.codec.state(), serde_json::to_value(&frame.data).unwrap());
}

#[test]
fn http() {
    let mut bench = Bench::new(Source::Local);
    insta::assert_snapshot!(bench.http("GET", "/health").1, @r#"{"status":"ok","connected":false,"fix":"no_fix"}"#);
    bench.stream(StreamEvent::Opened { device: "x".to_owned(), baud: None });
    bench.bytes(nmea(GGA));
    insta::assert_snapshot!(bench.http("GET", "/health").1, @r#"{"status":"ok","connected":true,"fix":"rtk_fixed"}"#);
    assert_eq!(bench.http("HEAD", "/status").0, 200);
    for probe in ["/livez", "/readyz"] {
        assert_eq!(bench.http("GET", probe), (200, r#"{"status":"ok"}"#.to_owned()));
        assert_eq!(bench.http("POST", probe).0, 405);
    }
    insta::assert_debug_snapshot!(bench.http("POST", "/status"), @r#"(
    405,
    "{\"error\":\"Only GET is answered here.\"}",
)"#);
    insta::assert_debug_snapshot!(bench.http("GET", "/zones"), @r#"(
    404,
    "{\"error\":\"Nothing is here: ask for /status or /health.\"}",
)"#);
}

#[test]
fn a_console_may_say_what_it_likes_as_long_as_it_is_json() {
    let mut bench = Bench::new(Source::Local);
    bench.connect(1, "/ws");
    for text in ["{}", "null", "[1,2]", r#"{"type":"subscribe"}"#] {
        assert_eq!(bench.text(1, text), [], "{text}");
    }
    for text in ["", "{", "hello", "{} {}", "NaN"] {
        let answer = bench.text(1, text);
        let Ok(ErrorFrame { message }) = serde_json::from_str(sent(&answer)) else { panic!("{answer:?}") };
        assert!(message.starts_with("this is not JSON: "), "{message}");
    }
    assert_eq!(bench.text(99, "{"), [], "nobody's");
    assert_eq!(bench.handle(Input::Lagged { conn: 99 }), []);
    insta::assert_debug_snapshot!(bench.connect(2, "/nowhere"), @r#"[
    Close {
        conn: 2,
        code: 1008,
        reason: "no WebSocket is served here: use /ws or /feed",
    },
]"#);
}

#[test]
fn a_stalled_candidate_does_not_hold_good_frames_back() {
    let mut bench = Bench::open();
    bench.connect(1, "/ws");
    let mut bytes = vec![0xB5, 0x62, 0x01, 0x07, 0xFF, 0xFF];
    bytes.extend(nmea(GGA));
    bench.bytes(bytes);
    bench.pass(ms(350));
    assert!(bench.published().last().unwrap().1.contains("rtk_fixed"));
}

#[test]
fn the_bytes_of_a_lost_receiver_are_counted_to_the_end() {
    let mut bench = Bench::open();
    bench.bytes(b"$GNGGA,0841".to_vec());
    bench.stream(StreamEvent::Closed { reason: "unplugged".to_owned() });
    let status: wire::gps_status::GpsStatus = serde_json::from_str(&bench.http("GET", "/status").1).unwrap();
    assert_eq!((status.connected, status.errors.noise_bytes, status.errors.disconnects), (false, 11, 1));
}

#[test]
fn intervals_are_those_of_reception() {
    let mut bench = Bench::open();
    for second in 0..5 {
        let received_at_ns = 1_000_000_000 * second;
        bench.stream(StreamEvent::Bytes { received_at_ns, bytes: RTCM_1005.to_vec() });
    }
    let status: wire::gps_status::GpsStatus = serde_json::from_str(&bench.http("GET", "/status").1).unwrap();
    insta::assert_json_snapshot!((&status.rtcm_messages, &status.station), @r#"[
  [
    {
      "type": 1005,
      "count": 5,
      "lastSeen": 1700000000000,
      "intervalMs": 1000.0,
      "jitterMs": 0.0
    }
  ],
  {
    "id": 2003,
    "ecefM": [
      1114104.5999,
      -4850729.7108,
      3975521.4643
    ],
    "latitude": 38.80475943042507,
    "longitude": -77.06477359980347,
    "ellipsoidalHeightM": 114.56113815493882,
    "antennaHeightM": null
  }
]"#);
}

#[test]
fn the_configuration_survives_a_recording() {
    let config = Config { source: Source::Feed };
    let kept = serde_json::to_string(&config).unwrap();
    insta::assert_snapshot!(kept, @r#"{"source":"feed"}"#);
    assert_eq!(serde_json::from_str::<Config>(&kept).unwrap(), config);
    assert_eq!(serde_json::from_str::<Config>(r#"{"of_tomorrow":1}"#).unwrap(), Config::default());
}
