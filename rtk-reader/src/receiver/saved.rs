//! A configuration in a file: JSON, keys by name where they have one here, values as their bytes read as a number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{KeyId, Snapshot, Values, keys};

/// What `format` says.
const FORMAT: &str = "depot receiver configuration 1";

#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    model: String,
    firmware: String,
    protocol: String,
    ram: BTreeMap<String, u64>,
    bbr: BTreeMap<String, u64>,
    flash: BTreeMap<String, u64>,
}

/// Why a file isn't a configuration.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// Not JSON, or not of this form.
    #[error("it is not a configuration that `depot gnss configure` wrote: {0}")]
    Json(#[from] serde_json::Error),
    /// Something else, or of a later program.
    #[error(
        "expected the format {FORMAT:?}, found {found:?}: it is not a configuration that this program wrote"
    )]
    Format {
        /// As it says.
        found: String,
    },
    /// A name that no key has.
    #[error("{name:?} is not a configuration key")]
    Key {
        /// As it stands there.
        name: String,
    },
    /// A value that its key can't have.
    #[error("{key:?} can't be {value}: it has {bytes} bytes")]
    Value {
        /// Whose.
        key: KeyId,
        /// As it stands there.
        value: u64,
        /// Of its value.
        bytes: usize,
    },
}

/// RAM, BBR and flash of a snapshot as text.
#[must_use]
pub fn write_saved(snapshot: &Snapshot) -> String {
    let named = |values: &Values| {
        let name = |key: &KeyId| key.key().map_or_else(|| key.to_string(), |key| key.name.to_string());
        values.iter().map(|(key, value)| (name(key), *value)).collect()
    };
    let file = File {
        format: FORMAT.to_owned(),
        model: snapshot.model.clone(),
        firmware: snapshot.firmware.clone(),
        protocol: snapshot.protocol.clone(),
        ram: named(&snapshot.ram),
        bbr: named(&snapshot.bbr),
        flash: named(&snapshot.flash),
    };
    // Strings and numbers: it can't fail.
    serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
}

/// Reads it back.
///
/// # Errors
/// [`SavedError`].
pub fn read_saved(text: &str) -> Result<Snapshot, SavedError> {
    let file: File = serde_json::from_str(text)?;
    if file.format != FORMAT {
        return Err(SavedError::Format { found: file.format });
    }
    let ids = |named: BTreeMap<String, u64>| {
        named.into_iter().map(|(name, value)| checked(&name, value)).collect::<Result<Values, SavedError>>()
    };
    Ok(Snapshot {
        model: file.model,
        firmware: file.firmware,
        protocol: file.protocol,
        ram: ids(file.ram)?,
        bbr: ids(file.bbr)?,
        flash: ids(file.flash)?,
        ..Snapshot::default()
    })
}

fn checked(name: &str, value: u64) -> Result<(KeyId, u64), SavedError> {
    let by_id = || u32::from_str_radix(name.strip_prefix("0x")?, 16).ok().map(KeyId);
    let unknown = || SavedError::Key { name: name.to_owned() };
    let key = keys::by_name(name).map(|key| key.id).or_else(by_id).ok_or_else(unknown)?;
    let bytes = key.value_bytes().filter(|_| !key.is_wildcard()).ok_or_else(unknown)?;
    if bytes < 8 && value >> (8 * bytes) != 0 {
        return Err(SavedError::Value { key, value, bytes });
    }
    Ok((key, value))
}
