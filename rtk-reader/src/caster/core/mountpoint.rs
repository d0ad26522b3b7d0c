//! Mountpoints: a name, and which messages go there.

use std::collections::BTreeSet;
use std::str::FromStr;

/// A caster with more is refused.
pub const MAX_MOUNTPOINTS: usize = 64;
/// The longest name (NTRIP 1.0 has at most 100 characters).
const NAME_BYTES: usize = 100;
/// Message numbers have twelve bits.
const MAX_NUMBER: u16 = 4095;

/// A mountpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mountpoint {
    /// Letters, digits, `_`, `-` and `.`, not digits alone; case matters.
    pub name: String,
    /// RTCM message numbers that go there; all when none.
    pub types: Option<BTreeSet<u16>>,
}

/// Why a text names no mountpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountpointError {
    /// The name.
    #[error(
        "{found:?} is no name of a mountpoint: use letters with digits, _, - and ., at most {NAME_BYTES}"
    )]
    Name {
        /// As given.
        found: String,
    },
    /// A message number.
    #[error("{found:?} is no RTCM message number: write NAME=1005,1077 with numbers from 1 to {MAX_NUMBER}")]
    Number {
        /// As given.
        found: String,
    },
    /// Two of a name.
    #[error("the mountpoint {name} is there twice: give each a name of its own")]
    Twice {
        /// Theirs.
        name: String,
    },
    /// Over [`MAX_MOUNTPOINTS`].
    #[error("{found} mountpoints, at most {MAX_MOUNTPOINTS} are served: name fewer")]
    TooMany {
        /// How many.
        found: usize,
    },
}

impl Mountpoint {
    /// One with all messages.
    #[must_use]
    pub fn all(name: &str) -> Self {
        Self { name: name.to_owned(), types: None }
    }

    /// Whether a message goes there.
    #[must_use]
    pub fn takes(&self, number: Option<u16>) -> bool {
        let Some(types) = &self.types else { return true };
        number.is_some_and(|number| types.contains(&number))
    }

    /// Whether these can be served together.
    ///
    /// # Errors
    /// Too many, or two of one name.
    pub fn check(all: &[Self]) -> Result<(), MountpointError> {
        if all.len() > MAX_MOUNTPOINTS {
            return Err(MountpointError::TooMany { found: all.len() });
        }
        let mut names = BTreeSet::new();
        match all.iter().find(|mountpoint| !names.insert(mountpoint.name.as_str())) {
            Some(twice) => Err(MountpointError::Twice { name: twice.name.clone() }),
            None => Ok(()),
        }
    }
}

/// Several in one text: `ROVER,ROVER_MSM=1005,1077`. A number belongs to the mountpoint before it.
///
/// # Errors
/// The first that is none.
pub fn parse_list(text: &str) -> Result<Vec<Mountpoint>, MountpointError> {
    let mut texts: Vec<String> = Vec::new();
    for part in text.split(',') {
        let is_number = part.trim().bytes().all(|b| b.is_ascii_digit());
        match texts.last_mut() {
            Some(last) if is_number => {
                last.push(',');
                last.push_str(part);
            }
            _ => texts.push(part.to_owned()),
        }
    }
    texts.iter().map(|text| text.parse()).collect()
}

/// `NAME`, or `NAME=1005,1077`.
impl FromStr for Mountpoint {
    type Err = MountpointError;

    fn from_str(text: &str) -> Result<Self, MountpointError> {
        let (name, types) = match text.split_once('=') {
            Some((name, types)) => (name.trim(), Some(types)),
            None => (text.trim(), None),
        };
        if name.is_empty()
            || name.len() > NAME_BYTES
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            || name.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(MountpointError::Name { found: name.to_owned() });
        }
        let number = |text: &str| match text.trim().parse() {
            Ok(number @ 1..=MAX_NUMBER) => Ok(number),
            _ => Err(MountpointError::Number { found: text.trim().to_owned() }),
        };
        let types = types.map(|types| types.split(',').map(number).collect()).transpose()?;
        Ok(Self { name: name.to_owned(), types })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types() {
        assert_eq!("ROVER".parse(), Ok(Mountpoint::all("ROVER")));
        let some: Mountpoint = "ROVER_MSM=1005, 1077".parse().expect("a mountpoint");
        assert!(
            some.takes(Some(1005)) && some.takes(Some(1077)) && !some.takes(Some(1087)) && !some.takes(None)
        );
        assert!(Mountpoint::all("ROVER").takes(None));
        for bad in ["", "=1005", "12", "A B", "A/B", "A;B", "A=", "A=0", "A=4096", "A=1005,x"] {
            assert!(bad.parse::<Mountpoint>().is_err(), "{bad}");
        }
        insta::assert_snapshot!("A=MSM7".parse::<Mountpoint>().unwrap_err(), @r#""MSM7" is no RTCM message number: write NAME=1005,1077 with numbers from 1 to 4095"#);
    }

    #[test]
    fn lists() {
        let list = parse_list("ROVER,ROVER_MSM=1005,1077,OTHER").expect("a list");
        let names: Vec<&str> = list.iter().map(|mountpoint| mountpoint.name.as_str()).collect();
        assert_eq!(names, ["ROVER", "ROVER_MSM", "OTHER"]);
        assert_eq!(list[1].types, Some([1005, 1077].into()));
        for bad in ["", "1005", "ROVER,1005", "ROVER,", "A=1005,,B"] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_two_of_a_name() {
        let two = [Mountpoint::all("A"), "A=1005".parse().expect("a mountpoint")];
        assert_eq!(Mountpoint::check(&two), Err(MountpointError::Twice { name: "A".into() }));
        let many = (0..=MAX_MOUNTPOINTS).map(|n| Mountpoint::all(&format!("M{n}"))).collect::<Vec<_>>();
        assert!(Mountpoint::check(&many).is_err() && Mountpoint::check(&many[1..]).is_ok());
    }
}
