//! `diff`: what isn't saved, what isn't as it came from its maker, or what differs from a file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use kit::clock::Clock;
use rtk_reader::receiver::message::Layer;
use rtk_reader::receiver::{KeyId, Snapshot};
use serde_json::json;

use super::super::print;
use super::{open, read, read_all, saved};
use crate::cli::configure::Diff;
use crate::error::Error;

/// A key's values, each with the name of its column.
struct Row {
    key: KeyId,
    values: Vec<(&'static str, Option<u64>)>,
}

/// Compares and prints.
pub async fn run(args: Diff) -> Result<ExitCode, Error> {
    let file = args.file.as_ref().map(saved).transpose()?;
    let mut talk = open(&args.port, Clock::start()).await?;
    let rows = match file {
        Some(file) => with_file(&file, &read_all(&mut talk, false).await?),
        None => {
            let layers = [Layer::Ram, Layer::Bbr, Layer::Flash, Layer::Default];
            among_layers(&read(&mut talk, &layers, false).await?)
        }
    };
    print(&if args.json { as_json(&rows) } else { as_text(&rows) })?;
    Ok(ExitCode::SUCCESS)
}

/// In force and not the default, or saved and not in force.
fn among_layers(receiver: &Snapshot) -> Vec<Row> {
    let columns =
        [("RAM", Layer::Ram), ("BBR", Layer::Bbr), ("flash", Layer::Flash), ("default", Layer::Default)];
    let differs = |key: &KeyId| {
        let ram = receiver.ram.get(key);
        let other = |layer: &Layer| receiver.layer(*layer).get(key).is_some_and(|value| Some(value) != ram);
        [Layer::Bbr, Layer::Flash, Layer::Default].iter().any(other)
    };
    let rows = receiver.ram.keys().filter(|key| differs(key));
    rows.map(|key| Row {
        key: *key,
        values: columns.map(|(name, layer)| (name, receiver.layer(layer).get(key).copied())).to_vec(),
    })
    .collect()
}

/// Not the same in the file and in the receiver.
fn with_file(file: &Snapshot, receiver: &Snapshot) -> Vec<Row> {
    let columns = [
        ("RAM", "RAM in the file", Layer::Ram),
        ("BBR", "BBR in the file", Layer::Bbr),
        ("flash", "flash in the file", Layer::Flash),
    ];
    let keys: BTreeSet<KeyId> = columns
        .iter()
        .flat_map(|(_, _, layer)| [file.layer(*layer), receiver.layer(*layer)])
        .flat_map(|values| values.keys().copied())
        .collect();
    let row = |key: KeyId| {
        let both = |layer| [receiver, file].map(|one: &Snapshot| one.layer(layer).get(&key).copied());
        let mut values = Vec::new();
        for (here, there, layer) in columns {
            let [now, then] = both(layer);
            if now != then {
                values.extend([(here, now), (there, then)]);
            }
        }
        (!values.is_empty()).then_some(Row { key, values })
    };
    keys.into_iter().filter_map(row).collect()
}

fn as_text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "nothing differs\n".to_owned();
    }
    let mut text = String::new();
    for Row { key, values } in rows {
        let told: Vec<String> = values
            .iter()
            .map(|(name, value)| {
                format!("{name} {}", value.map_or("unset".to_owned(), |raw| shown(*key, raw)))
            })
            .collect();
        // Writing to a String can't fail.
        let _ = writeln!(text, "{key:?}: {}", told.join(", "));
    }
    text
}

fn shown(key: KeyId, raw: u64) -> String {
    key.key().map_or_else(|| format!("0x{raw:x}"), |known| known.text(raw))
}

fn as_json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let values: serde_json::Map<_, _> =
                row.values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({ "key": row.key.to_string(), "name": row.key.key().map(|key| key.name.to_string()), "values": values })
        })
        .collect();
    // Strings and numbers: it can't fail.
    serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n"
}
