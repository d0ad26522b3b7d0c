//! `depot hil twin`: a virtual receiver for anybody's program.

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fixtures::scenario::Mode;
use fixtures::time::Instant;
use hil::twin::{Character, Control, Faults, Options, Order, PortKind, StartKind, Status, Twin};
use rtk_reader::receiver::Item;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::cli::{PortArg, TwinArgs};
use crate::error::Error;

/// Lines of standard input that wait for the receiver.
const LINES: usize = 16;
/// The longest order is far shorter.
const LINE_BYTES: u64 = 1024;

/// Runs until Ctrl-C.
pub async fn run(args: TwinArgs) -> Result<ExitCode, Error> {
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let twin = Twin::start(options(&args))?;
    let mut status = twin.status();
    tell(&twin, &status.borrow_and_update().clone())?;
    let mut lines = lines();
    let mut path = status.borrow().path.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(line) = lines.recv() => obey(&twin.control(), &line),
            changed = status.changed() => {
                if changed.is_err() {
                    break;
                }
                let now = status.borrow_and_update().clone();
                if now.path != path {
                    path.clone_from(&now.path);
                    if now.path.is_some() {
                        tell(&twin, &now)?;
                    } else {
                        info!("the receiver is unplugged");
                    }
                }
            }
        }
    }
    let Status { sent_bytes, dropped_bytes, .. } = *status.borrow();
    info!(sent_bytes, dropped_bytes, "the receiver is unplugged for good");
    Ok(ExitCode::SUCCESS)
}

/// Its name to standard output, alone on a line, for programs; what to do with it to the log.
fn tell(twin: &Twin, status: &Status) -> Result<(), Error> {
    let path = twin.path();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", path.display())
        .and_then(|()| out.flush())
        .map_err(Error::file("write", "standard output"))?;
    let speed = status.baud.map_or("any speed".to_owned(), |baud| format!("{baud} Bd"));
    let shown = path.display();
    info!("a ZED-F9P is at {shown} ({speed}); try: depot up --gnss {shown}   or: gpsd -N -n {shown}");
    Ok(())
}

fn options(args: &TwinArgs) -> Options {
    let kind = match args.port_kind {
        PortArg::Usb => PortKind::Usb,
        PortArg::Uart1 => PortKind::Uart1,
        PortArg::Uart2 => PortKind::Uart2,
    };
    let usual = Character::default();
    let place = args.place.or(args.base_at).unwrap_or(usual.place);
    let mode = match (args.base_at, args.survey) {
        // An F9P is told to 0.1 mm, and says how sure it was told to be.
        (Some(place), _) => Some(Mode::Fixed { ecef_m: place.to_ecef(), accuracy_m: 0.01 }),
        (None, Some(survey)) => {
            Some(Mode::SurveyIn { duration_s: survey.seconds, accuracy_m: survey.metres })
        }
        (None, None) => None,
    };
    let cold_first_fix = Duration::from_secs_f64(args.first_fix_s);
    let mut character = Character {
        seed: args.seed,
        place,
        start: now().unwrap_or(usual.start),
        cold_first_fix,
        warm_first_fix: usual.warm_first_fix.min(cold_first_fix),
        hot_first_fix: usual.hot_first_fix.min(cold_first_fix),
        first_start: StartKind::Cold,
        backup_battery: !args.no_battery,
        ..usual
    };
    if let Some(mode) = mode {
        character = character.as_base(kind.port(), mode);
    }
    let baud = args.baud.zip(kind.port().baud_key());
    character.saved.extend(baud.map(|(value, key)| Item { key, value }));
    character.saved.extend(&args.items);
    Options { character, kind, link: args.port_link.clone() }
}

/// A receiver's time is the world's.
#[expect(clippy::disallowed_methods, reason = "when the made-up sky begins")]
fn now() -> Option<Instant> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Instant::from_unix_ms(u64::try_from(since.as_millis()).ok()?)
}

fn obey(control: &Control, line: &str) {
    let line = line.trim();
    if line.is_empty() {
        return;
    }
    let order = match line.parse::<Order>() {
        Ok(order) => order,
        Err(error) => return warn!("{error}"),
    };
    let done = match order {
        Order::Begin(fault) => control.begin(fault),
        Order::AtChange(changes, fault) => control.begin_at_change(changes, fault),
        Order::End(fault) => control.end(fault),
        Order::EndAll => control.end_all(),
    };
    match done {
        Ok(()) => info!("{line}: done"),
        Err(error) => warn!("{error}"),
    }
}

/// Lines of standard input, read by a thread of its own: nothing can stop a read of a terminal. What is longer than an
/// order can be is read in pieces, none of which is one.
fn lines() -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        while input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if send.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    lines
}
