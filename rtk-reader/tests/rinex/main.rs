//! RINEX files from captures, held against RTKLIB's, and from whatever bytes there are.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers fail the test, and say what they skip"
)]

mod files;
mod peers;
mod properties;

use rtk_reader::decode::{Message, decode};
use rtk_reader::frame::Framer;
use rtk_reader::rinex::{Contents, Dating, GpsTime, Labels, LeftOut, Survey};

/// What became of a stream.
struct Converted {
    contents: Contents,
    observations: String,
    navigation: String,
    left_out: LeftOut,
}

fn labels() -> Labels {
    let made_at = GpsTime::of_utc((2026, 1, 5), 43_200.0).unwrap();
    Labels { marker: "BERN00CHE".to_owned(), program: "depot".to_owned(), made_at }
}

fn messages(bytes: &[u8]) -> Vec<Message> {
    let (mut framer, mut messages) = (Framer::new(), Vec::new());
    framer.push(Default::default(), bytes, &mut |frame| messages.push(decode(&frame)));
    framer.finish(&mut |frame| messages.push(decode(&frame)));
    messages
}

fn date(messages: &[Message]) -> Option<GpsTime> {
    let mut dating = Dating::default();
    let _ = messages.iter().take_while(|message| dating.add(message)).count();
    dating.date()
}

fn convert(messages: &[Message], date: GpsTime) -> Converted {
    let mut survey = Survey::new(date);
    messages.iter().for_each(|message| survey.add(message));
    let contents = survey.finish();
    let (mut observations, mut left_out) = (contents.observation_header(&labels()), LeftOut::default());
    if let Some(mut rows) = contents.rows() {
        messages.iter().for_each(|message| rows.add(message, &mut observations));
        left_out = rows.finish(&mut observations);
    }
    let navigation = contents.navigation_file(&labels());
    Converted { contents, observations, navigation, left_out }
}
