//! What `--gnss` names.

use std::{fmt, path::PathBuf, str::FromStr};

use thiserror::Error;

use super::Rate;

/// A source as the user names it. What a path turns out to be, a port, a capture or a pipe, is seen when it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// The one u-blox receiver on USB.
    Auto,
    /// Standard input.
    Stdin,
    /// A host that sends the receiver's bytes: a serial server, `str2str`, another depot.
    Tcp {
        /// Name or address; IPv6 without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A serial device, a capture or a named pipe.
    Path(PathBuf),
}

/// A `--gnss` that names no source.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecError {
    /// Nothing was given.
    #[error("no source given: name a device, `auto`, a capture file, tcp://host:port or `-`")]
    Empty,
    /// A URL, but not of ours.
    #[error("`{scheme}://` is not a source: use tcp://host:port, a device, a capture file, `auto` or `-`")]
    UnknownScheme {
        /// As given.
        scheme: String,
    },
    /// `tcp://` without a host or a port number.
    #[error("`{given}` names no host and port: write tcp://host:port, for example tcp://192.168.1.20:2102")]
    BadAddress {
        /// As given.
        given: String,
    },
}

/// A `--rate` that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{given}` is not a rate: use 1 for real time, a number above 0 for so many times as fast, or `max`")]
pub struct RateError {
    /// As given.
    pub given: String,
}

impl Spec {
    /// Reads what `--gnss` was given. Looks at no file.
    ///
    /// # Errors
    /// What can't be a source.
    pub fn parse(given: &str) -> Result<Self, SpecError> {
        match given {
            "" => Err(SpecError::Empty),
            "auto" => Ok(Self::Auto),
            "-" => Ok(Self::Stdin),
            _ => match given.split_once("://") {
                Some(("tcp", address)) => tcp(given, address),
                Some((scheme, _)) => Err(SpecError::UnknownScheme { scheme: scheme.to_owned() }),
                None => Ok(Self::Path(PathBuf::from(given))),
            },
        }
    }
}

fn tcp(given: &str, address: &str) -> Result<Spec, SpecError> {
    let bad = || SpecError::BadAddress { given: given.to_owned() };
    let (host, port) = address.trim_end_matches('/').rsplit_once(':').ok_or_else(bad)?;
    let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(bad)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err(bad());
    }
    Ok(Spec::Tcp { host: host.to_owned(), port })
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(given: &str) -> Result<Self, SpecError> {
        Self::parse(given)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Stdin => f.write_str("-"),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(given: &str) -> Result<Self, RateError> {
        if given == "max" {
            return Ok(Self::Max);
        }
        match given.parse::<f64>() {
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
            _ => Err(RateError { given: given.to_owned() }),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_and_prints_as_written() {
        for given in ["auto", "-", "/dev/ttyACM0", "COM3", "base.ubx", "tcp://base:2102", "tcp://[::1]:2102"]
        {
            assert_eq!(Spec::parse(given).unwrap().to_string(), given);
        }
        assert_eq!(Spec::parse("tcp://[fe80::1]:7").unwrap(), Spec::Tcp { host: "fe80::1".into(), port: 7 });
        assert_eq!(Spec::parse("./auto").unwrap(), Spec::Path("./auto".into()));
    }

    #[test]
    fn what_names_no_source_is_told() {
        assert_eq!(Spec::parse(""), Err(SpecError::Empty));
        assert_eq!(Spec::parse("http://x/"), Err(SpecError::UnknownScheme { scheme: "http".into() }));
        for given in
            ["tcp://", "tcp://host", "tcp://host:", "tcp://:2102", "tcp://host:0", "tcp://host:65536"]
        {
            assert_eq!(Spec::parse(given), Err(SpecError::BadAddress { given: given.into() }));
        }
    }

    #[test]
    fn rates() {
        assert_eq!("1".parse(), Ok(Rate::Times(1.0)));
        assert_eq!("0.5".parse(), Ok(Rate::Times(0.5)));
        assert_eq!("max".parse(), Ok(Rate::Max));
        for given in ["0", "-1", "inf", "NaN", "", "fast"] {
            assert_eq!(given.parse::<Rate>(), Err(RateError { given: given.into() }));
        }
    }
}
