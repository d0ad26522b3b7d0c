//! `show`: what a receiver has set.

use std::fmt::Write as _;
use std::process::ExitCode;

use kit::clock::Clock;
use rtk_reader::frame::Protocol;
use rtk_reader::receiver::plan::Position;
use rtk_reader::receiver::{KeyId, Port, Snapshot, keys, write_saved};

use super::super::print;
use super::{change::write_new, open, read_all};
use crate::cli::configure::Show;
use crate::error::Error;

/// Reads and prints it, and writes it into a file if wanted.
pub async fn run(args: Show) -> Result<ExitCode, Error> {
    let mut talk = open(&args.port, Clock::start()).await?;
    let receiver = read_all(&mut talk, !args.json).await;
    // Some firmwares have no survey-in: what is set is worth telling all the same.
    let receiver = match receiver {
        Err(Error::Configure(super::ConfigureError::Read(rtk_reader::receiver::ReadError::Refused {
            what: "its survey-in",
        }))) => read_all(&mut talk, false).await?,
        other => other?,
    };
    if let Some(path) = &args.save {
        write_new(path, &write_saved(&receiver))?;
    }
    let text = match (args.json, args.all) {
        (true, _) => write_saved(&receiver),
        (false, true) => summary(&receiver) + &all(&receiver),
        (false, false) => summary(&receiver),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A page for people. Writing to a String can't fail.
fn summary(receiver: &Snapshot) -> String {
    let text_of = |id: u32| {
        let key = KeyId(id);
        receiver.ram.get(&key).map_or_else(
            || "unknown".to_owned(),
            |raw| key.key().map_or_else(|| raw.to_string(), |key| key.text(*raw)),
        )
    };
    let mut text = format!("{} {}, protocol {}\n", receiver.model, receiver.firmware, receiver.protocol);
    let _ = writeln!(text, "mode: {}", mode(receiver, &text_of));
    let _ = writeln!(text, "epochs: every {}, {}", text_of(0x3021_0001), text_of(0x2011_0021));
    for port in Port::ALL {
        if receiver.ram.get(&port.enabled_key()) == Some(&1) {
            port_lines(&mut text, receiver, port);
        }
    }
    let unsaved = receiver
        .ram
        .iter()
        .filter(|(key, value)| receiver.flash.get(key).is_some_and(|flash| flash != *value))
        .count();
    let _ = writeln!(
        text,
        "saved: {} keys in flash, {} in BBR; {unsaved} of those in flash have another value now",
        receiver.flash.len(),
        receiver.bbr.len()
    );
    text
}

fn mode(receiver: &Snapshot, text_of: &impl Fn(u32) -> String) -> String {
    match receiver.ram.get(&KeyId(0x2003_0001)) {
        Some(1) => {
            let mut text =
                format!("base, survey-in of at least {} to {}", text_of(0x4003_0010), text_of(0x4003_0011));
            if let Some(found) = &receiver.survey_in {
                let state = match (found.valid, found.active) {
                    (true, _) => "done",
                    (false, true) => "running",
                    (false, false) => "not begun",
                };
                let [x, y, z] = found.mean_ecef_m;
                // Before the first fix its figures mean nothing.
                let _ = match found.observations {
                    0 => write!(text, "; {state}, without a position yet"),
                    _ => write!(
                        text,
                        "; {state}: {} s, {:.4} m, ECEF {x:.4}, {y:.4}, {z:.4} m",
                        found.duration_s, found.mean_accuracy_m
                    ),
                };
            }
            text
        }
        Some(2) => {
            let position = Position::of_values(&receiver.ram);
            let position = position.map_or_else(|| "an unknown position".to_owned(), |at| at.to_string());
            format!("base at {position}, good to {}", text_of(0x4003_000F))
        }
        _ => "rover".to_owned(),
    }
}

fn port_lines(text: &mut String, receiver: &Snapshot, port: Port) {
    let is_on = |key: KeyId| receiver.ram.get(&key) == Some(&1);
    let names = [(Protocol::Ubx, "UBX"), (Protocol::Nmea, "NMEA"), (Protocol::Rtcm, "RTCM 3")];
    let list = |key: &dyn Fn(Protocol) -> KeyId| {
        let on: Vec<&str> = names.iter().filter(|(p, _)| is_on(key(*p))).map(|(_, name)| *name).collect();
        if on.is_empty() { "nothing".to_owned() } else { on.join(", ") }
    };
    let baud = port.baud_key().and_then(|key| receiver.ram.get(&key));
    let baud = baud.map_or_else(String::new, |baud| format!(" at {baud} Bd"));
    let _ = writeln!(text, "{port}{baud}: in {}; out {}", list(&|p| port.takes(p)), list(&|p| port.gives(p)));
    let mut sent: Vec<String> = Vec::new();
    for (key, every) in receiver.ram.iter().filter(|(_, every)| **every > 0) {
        match keys::rated(*key) {
            Some((output, on)) if on == port && is_on(port.gives(output.protocol())) => {
                sent.push(if *every == 1 { output.to_string() } else { format!("{output} (1 of {every})") });
            }
            _ => {}
        }
    }
    if !sent.is_empty() {
        let _ = writeln!(text, "  sends {}", sent.join(", "));
    }
}

/// Every key.
fn all(receiver: &Snapshot) -> String {
    let mut text = String::new();
    for (key, raw) in &receiver.ram {
        let value = key.key().map_or_else(|| format!("0x{raw:x}"), |known| known.text(*raw));
        let _ = writeln!(text, "{key:?} = {value}");
    }
    text
}
