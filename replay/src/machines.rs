//! Which machine plays which service.

use kit::machine::Machine;
use kit::tap::Start;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Builds a service's machine from its recorded start.
pub type Factory<'a> = dyn Fn(&str, &Start) -> Result<Box<dyn Machine>, BuildError> + Sync + 'a;

/// The services [`build`] knows.
pub const SERVICES: [&str; 3] = [gps_status::SERVICE, discovery::SERVICE, dispatch::SERVICE];

/// Why a recorded service can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Recorded by a program that knows more services.
    #[error("the recording is of service {service}, written by depot {version}; this program knows {}; use that depot", SERVICES.join(", "))]
    Unknown {
        /// The service.
        service: String,
        /// The program that recorded it.
        version: String,
    },
    /// Its configuration isn't understood.
    #[error(
        "the recorded configuration of {service} (depot {version}) can't be used: {source}; use that depot"
    )]
    Config {
        /// The service.
        service: String,
        /// The program that recorded it.
        version: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// The project's own services. A session of another version is tried: a setting that isn't understood is
/// taken as its default, and [`notes`] says so.
///
/// # Errors
/// A service or a configuration this program doesn't know.
pub fn build(service: &str, start: &Start) -> Result<Box<dyn Machine>, BuildError> {
    match service {
        gps_status::SERVICE => Ok(Box::new(gps_status::machine(&config(service, start)?.0))),
        discovery::SERVICE => Ok(Box::new(discovery::machine(&config(service, start)?.0))),
        dispatch::SERVICE => Ok(Box::new(dispatch::machine(&config(service, start)?.0, start.seed))),
        _ => Err(BuildError::Unknown { service: service.to_owned(), version: start.version.clone() }),
    }
}

/// What a person should know about a replay of such a start.
#[must_use]
pub fn notes(service: &str, start: &Start) -> Vec<String> {
    let unread = match service {
        gps_status::SERVICE => config::<gps_status::Config>(service, start).map(|(_, unread)| unread),
        discovery::SERVICE => config::<discovery::Config>(service, start).map(|(_, unread)| unread),
        dispatch::SERVICE => config::<dispatch::Config>(service, start).map(|(_, unread)| unread),
        _ => Ok(Vec::new()),
    };
    let note = |setting| {
        format!(
            "{service} of depot {} had another sort of setting `{setting}`; tried with today's default",
            start.version
        )
    };
    unread.unwrap_or_default().into_iter().map(note).collect()
}

/// The configuration, and the settings in it that can't be used.
fn config<C: DeserializeOwned>(service: &str, start: &Start) -> Result<(C, Vec<String>), BuildError> {
    let strict = C::deserialize(&start.config);
    let (Err(_), Value::Object(recorded)) = (&strict, &start.config) else {
        let error = |source| BuildError::Config {
            service: service.to_owned(),
            version: start.version.clone(),
            source,
        };
        return strict.map(|config| (config, Vec::new())).map_err(error);
    };
    let (mut usable, mut unread) = (Map::new(), Vec::new());
    for (name, value) in recorded {
        usable.insert(name.clone(), value.clone());
        if C::deserialize(&Value::Object(usable.clone())).is_err() {
            usable.remove(name);
            unread.push(name.clone());
        }
    }
    let config = C::deserialize(&Value::Object(usable)).map_err(|source| BuildError::Config {
        service: service.to_owned(),
        version: start.version.clone(),
        source,
    })?;
    Ok((config, unread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_start_of_another_version_is_tried() {
        let start = |config| Start { version: "9.9.9".to_owned(), seed: 0, config, state: Value::Null };
        let today = start(serde_json::to_value(gps_status::Config::default()).unwrap());
        assert!(build(gps_status::SERVICE, &today).is_ok() && notes(gps_status::SERVICE, &today).is_empty());
        let other = start(json!({ "source": { "kind": "radio" }, "later": 1 }));
        assert!(build(gps_status::SERVICE, &other).is_ok());
        assert_eq!(
            notes(gps_status::SERVICE, &other),
            ["gps-status of depot 9.9.9 had another sort of setting `source`; tried with today's default"]
        );
        let hopeless = build(gps_status::SERVICE, &start(json!(5))).err().unwrap().to_string();
        assert!(hopeless.starts_with("the recorded configuration of gps-status (depot 9.9.9)"), "{hopeless}");
        let unknown = build("caster", &today).err().unwrap().to_string();
        assert!(
            unknown.starts_with("the recording is of service caster, written by depot 9.9.9;"),
            "{unknown}"
        );
    }
}
