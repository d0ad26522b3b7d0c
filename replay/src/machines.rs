//! Which machine plays which service.

use kit::machine::Machine;
use kit::tap::Start;
use serde::de::DeserializeOwned;

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

/// The project's own services.
///
/// # Errors
/// A service or a configuration this program doesn't know.
pub fn build(service: &str, start: &Start) -> Result<Box<dyn Machine>, BuildError> {
    match service {
        gps_status::SERVICE => Ok(Box::new(gps_status::machine(&config(service, start)?))),
        discovery::SERVICE => Ok(Box::new(discovery::machine(&config(service, start)?))),
        dispatch::SERVICE => Ok(Box::new(dispatch::machine(&config(service, start)?, start.seed))),
        _ => Err(BuildError::Unknown { service: service.to_owned(), version: start.version.clone() }),
    }
}

fn config<C: DeserializeOwned>(service: &str, start: &Start) -> Result<C, BuildError> {
    C::deserialize(&start.config).map_err(|source| BuildError::Config {
        service: service.to_owned(),
        version: start.version.clone(),
        source,
    })
}
