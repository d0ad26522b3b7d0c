//! The page, drawn: a function of what is seen and the time.

use std::collections::VecDeque;

use kit::machine::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, Wrap};
use wire::gps_status::{FixQuality, GpsStatus, Mode, RtcmMessage, Satellite};

use super::seen::Seen;
use super::verdict::{Link, Standing, Verdict, ago};

/// What the page is of, all of it.
pub struct Page<'a> {
    pub verdict: &'a Verdict,
    pub seen: &'a Seen,
    pub now: Timestamp,
    /// Device or URL.
    pub origin: &'a str,
    pub view: View,
    /// The newest messages, the newest last.
    pub raw: &'a VecDeque<String>,
    /// What came of the last key, or of recording.
    pub notice: &'a str,
}

/// What is below the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Status,
    Raw,
    Help,
}

const HELP: &str = "\
The first line says whether corrections go out, or which link is broken:

  antenna   what the receiver says of it, and whether a satellite is heard
  receiver  whether it speaks, has its position, and makes corrections
  port      whether it is there, and bytes on it are messages
  frames    whether RTCM has observations and the antenna's position
  caster    whether the depot hands them on, and if not, why
  clients   who takes them

  s  the messages as they come, and back      r  record the raw bytes, and stop
  ?  this, and back                           q  end";

/// Draws it.
pub fn draw(frame: &mut Frame<'_>, page: &Page<'_>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(4), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    verdict(frame, head, page);
    match page.view {
        View::Status => status(frame, body, page),
        View::Raw => raw(frame, body, page),
        View::Help => frame.render_widget(Paragraph::new(HELP).block(titled("help")), body),
    }
    let keys = "s raw  r record  ? help  q quit";
    frame.render_widget(Line::from(vec![keys.dim(), "  ".into(), page.notice.into()]), foot);
}

fn titled(title: &str) -> Block<'_> {
    Block::new().borders(Borders::TOP).title(title)
}

fn colour(standing: Standing) -> Color {
    match standing {
        Standing::Good => Color::Green,
        Standing::Waiting => Color::Yellow,
        Standing::Broken => Color::Red,
    }
}

/// Colour alone says nothing that a word or mark doesn't.
fn verdict(frame: &mut Frame<'_>, area: Rect, page: &Page<'_>) {
    let sentence = page.verdict.sentence(page.now);
    let style = Style::new().fg(colour(page.verdict.standing())).bold();
    let [top, chain] = Layout::vertical([Constraint::Length(3), Constraint::Length(1)]).areas(area);
    let sentence = Paragraph::new(Span::styled(sentence, style)).wrap(Wrap { trim: true });
    frame.render_widget(sentence.block(titled(page.origin)), top);
    let mut spans = Vec::new();
    for link in Link::ALL {
        if link != Link::Antenna {
            spans.push(" → ".dim());
        }
        spans.push(match page.verdict.holds(link) {
            Some(true) => Span::styled(format!("{} ✓", link.name()), Color::Green),
            Some(false) if page.verdict.standing() == Standing::Broken => {
                Span::styled(format!("{} ✗", link.name()), Style::new().fg(Color::Red).bold())
            }
            Some(false) => Span::styled(format!("{} …", link.name()), Color::Yellow),
            None => format!("{} ?", link.name()).dim(),
        });
    }
    frame.render_widget(Line::from(spans), chain);
}

fn status(frame: &mut Frame<'_>, area: Rect, page: &Page<'_>) {
    let Some(status) = &page.seen.status else { return };
    let about = about(status);
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(about.len() as u16 + 1),
        Constraint::Fill(1),
        Constraint::Length(4),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(about).block(titled("receiver")), top);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).spacing(1).areas(middle);
    rtcm(frame, left, status);
    satellites(frame, right, status);
    frame.render_widget(
        Paragraph::new(clients_line_and_errors(status)).block(titled("clients, line, errors")),
        bottom,
    );
}

fn about(status: &GpsStatus) -> Vec<Line<'static>> {
    let receiver = status.receiver.as_ref().map_or_else(
        || "not told".to_owned(),
        |told| {
            let model = told.model.as_deref().unwrap_or("a u-blox");
            format!("{model} {}", told.firmware.as_deref().unwrap_or(&told.software))
        },
    );
    let mode = match status.mode {
        Mode::Base => "base",
        Mode::Rover => "rover",
        Mode::Unknown => "not told",
    };
    let survey = status.survey_in.as_ref().map_or_else(String::new, |survey| {
        let state = match (survey.active, survey.valid) {
            (_, true) => "done",
            (true, false) => "running",
            (false, false) => "not running",
        };
        let (seconds, metres, count) = (survey.duration, survey.accuracy, survey.observations);
        format!("  survey-in {state}, {seconds} s, {metres:.4} m, {count} positions")
    });
    let place = match (status.latitude, status.longitude, status.altitude) {
        (Some(latitude), Some(longitude), altitude) => {
            let altitude = altitude.map_or_else(String::new, |m| format!(", {m:.2} m above sea level"));
            format!("  {latitude:.7}, {longitude:.7}{altitude}")
        }
        _ => String::new(),
    };
    let station = status.station.as_ref().map_or_else(
        || "none sent".to_owned(),
        |s| {
            let (latitude, longitude, height) = (s.latitude, s.longitude, s.ellipsoidal_height_m);
            format!("{latitude:.8}, {longitude:.8}, {height:.4} m ellipsoidal, station {}", s.id)
        },
    );
    let antennas: Vec<String> = status
        .antennas
        .iter()
        .map(|a| format!("block {}: {}, power {}, jamming {}/255", a.block, a.state, a.power, a.jamming))
        .collect();
    vec![
        Line::from(format!("{receiver}  mode {mode}{survey}")),
        Line::from(format!("fix {}, {} satellites used{place}", fix(status.fix_quality), status.satellites)),
        Line::from(format!("ARP: {station}")),
        Line::from(format!(
            "antenna: {}",
            if antennas.is_empty() { "not told".into() } else { antennas.join("; ") }
        )),
    ]
}

fn fix(quality: FixQuality) -> &'static str {
    match quality {
        FixQuality::NoFix => "none",
        FixQuality::Gps => "GNSS",
        FixQuality::Dgps => "differential",
        FixQuality::Pps => "PPS",
        FixQuality::RtkFixed => "RTK fixed",
        FixQuality::RtkFloat => "RTK float",
        FixQuality::Estimated => "estimated",
        FixQuality::Manual => "manual",
        FixQuality::Simulation => "simulated",
    }
}

fn rtcm(frame: &mut Frame<'_>, area: Rect, status: &GpsStatus) {
    let row = |message: &RtcmMessage| {
        let shown = |value: Option<f64>, places: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.places$}"))
        };
        let age_s = status.last_update.saturating_sub(message.last_seen) as f64 / 1e3;
        let rate_hz = message.interval_ms.filter(|ms| *ms > 0.0).map(|ms| 1e3 / ms);
        Row::new([
            message.number.to_string(),
            message.count.to_string(),
            shown(rate_hz, 2),
            shown(message.jitter_ms, 0),
            format!("{age_s:.1}"),
        ])
    };
    let widths = [5, 8, 7, 9, 6].map(Constraint::Length);
    let header = Row::new(["type", "count", "Hz", "jitter/ms", "age/s"]).dim();
    let mut rows: Vec<Row<'_>> = status.rtcm_messages.iter().map(row).collect();
    cut(&mut rows, area);
    frame.render_widget(Table::new(rows, widths).header(header).block(titled("RTCM 3")), area);
}

fn satellites(frame: &mut Frame<'_>, area: Rect, status: &GpsStatus) {
    let row = |satellite: &Satellite| {
        let degrees = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |deg| format!("{deg:.0}"));
        let signals: Vec<String> =
            satellite.signals.iter().map(|s| format!("{} {:.0}", s.band, s.cn0_dbhz)).collect();
        Row::new([
            format!("{}{:02}", letter(&satellite.constellation), satellite.number),
            degrees(satellite.elevation_deg),
            degrees(satellite.azimuth_deg),
            match satellite.used {
                Some(true) => "used",
                Some(false) => "",
                None => "?",
            }
            .to_owned(),
            signals.join("  "),
        ])
    };
    let best = |satellite: &Satellite| satellite.signals.iter().map(|s| s.cn0_dbhz).fold(0.0, f64::max);
    let mut shown: Vec<&Satellite> = status.satellites_in_view.iter().collect();
    shown.sort_by(|a, b| best(b).total_cmp(&best(a)));
    let heard = shown.iter().filter(|satellite| best(satellite) > 0.0).count();
    let title = format!("satellites: {} in view, {heard} heard, C/N0 in dB-Hz", shown.len());
    let widths = [Constraint::Length(3), Constraint::Length(3), Constraint::Length(3), Constraint::Length(4)];
    let widths = widths.into_iter().chain([Constraint::Fill(1)]);
    let header = Row::new(["", "el", "az", "", "signals"]).dim();
    let mut rows: Vec<Row<'_>> = shown.into_iter().map(row).collect();
    cut(&mut rows, area);
    frame.render_widget(Table::new(rows, widths).header(header).block(titled(&title)), area);
}

/// Rows that don't fit are counted in the last that does.
fn cut(rows: &mut Vec<Row<'_>>, area: Rect) {
    // The title and the header.
    let fit = usize::from(area.height.saturating_sub(2));
    if rows.len() > fit && fit > 0 {
        let more = rows.len() + 1 - fit;
        rows.truncate(fit - 1);
        rows.push(Row::new(["…".to_owned(), format!("{more} more")]).dim());
    }
}

/// As RINEX has them.
fn letter(constellation: &str) -> char {
    match constellation {
        "gps" => 'G',
        "glonass" => 'R',
        "galileo" => 'E',
        "beidou" => 'C',
        "qzss" => 'J',
        "sbas" => 'S',
        "navic" => 'I',
        _ => '?',
    }
}

fn clients_line_and_errors(status: &GpsStatus) -> Vec<Line<'static>> {
    let line = status.line.as_ref().map_or_else(
        || "no line".to_owned(),
        |line| {
            let baud = line.baud.map_or_else(String::new, |baud| format!(" at {baud} baud"));
            let load = line.load.map_or_else(String::new, |load| format!(", {:.0} % of it", load * 100.0));
            format!("{}{baud}, {:.0} bytes/s{load}", line.device, line.bytes_per_second)
        },
    );
    let e = &status.errors;
    let counts = [
        (e.bad_checksum, "bad checksums"),
        (e.noise_bytes, "bytes of noise"),
        (e.false_start, "cut off"),
        (e.oversize, "too long"),
        (e.undecodable, "make no sense"),
        (e.disconnects, "times lost"),
        (e.silences, "times silent"),
        (e.other_rtcm, "RTCM types more"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let errors = if counts.is_empty() { "no errors".to_owned() } else { counts.join(", ") };
    vec![Line::from(clients(status)), Line::from(line), Line::from(errors)]
}

/// How many, who has been there longest, and outside casters that don't take the stream; as far as the page is wide.
fn clients(status: &GpsStatus) -> String {
    let Some(count) = status.clients else { return "no caster".to_owned() };
    let Some(caster) = &status.caster else { return format!("{count} clients") };
    let away = caster.pushes.iter().filter(|push| !push.connected);
    let away = away.map(|push| format!("not taken by {}", push.target));
    let told = caster.ntrip_clients.iter().map(|client| {
        let fix = client.fix_quality.map_or_else(String::new, |fix| format!(" fix {fix}"));
        let age = client.correction_age.map_or_else(String::new, |age| format!(" age {age:.0} s"));
        format!("{} {}{fix}{age}", client.user.as_ref().unwrap_or(&client.address), client.mountpoint)
    });
    let cut = caster.corrections.slow_clients;
    let cut = (cut > 0).then(|| format!("{cut} cut for slowness"));
    let all: Vec<String> =
        [format!("{count} clients")].into_iter().chain(away).chain(cut).chain(told).collect();
    all.join(", ")
}

fn raw(frame: &mut Frame<'_>, area: Rect, page: &Page<'_>) {
    let block = titled("messages, the newest last");
    if page.seen.depot {
        let why = "A depot tells its status, not its bytes: end this, and read the port with depot gnss monitor \
                   SOURCE, or record (r) and look with depot session cat.";
        return frame.render_widget(Paragraph::new(why).wrap(Wrap { trim: true }).block(block), area);
    }
    let fit = usize::from(area.height.saturating_sub(1));
    let lines =
        page.raw.iter().skip(page.raw.len().saturating_sub(fit)).map(|line| Line::from(line.as_str()));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}

/// What the foot says while bytes are recorded.
pub fn recording(since: Timestamp, bytes: u64, file: &str, now: Timestamp) -> String {
    format!("recording {file}: {bytes} bytes in {}", ago(now.saturating_sub(since)))
}
