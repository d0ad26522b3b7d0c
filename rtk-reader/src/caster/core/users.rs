//! Who may have corrections: users with Argon2 hashes, what was verified lately, and who fails too often.

use ::core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Credentials;
use crate::Timestamp;

/// A file with more users is refused.
pub const MAX_USERS: usize = 10_000;
/// Verified credentials that are remembered; beyond it the oldest are verified again.
pub const KNOWN: usize = 4096;
/// So many wrong passwords from one address within [`FAILURES_WITHIN`], and no further one is looked at.
pub const FAILURES: usize = 10;
/// See [`FAILURES`].
pub const FAILURES_WITHIN: Duration = Duration::from_secs(60);
/// Addresses whose failures are counted; beyond it the one that failed first is forgotten.
const FAILING_ADDRESSES: usize = 4096;
/// The most memory a hash of the file may ask for, KiB; OWASP recommends 19 MiB, twice four of them fit a Pi.
const MOST_HASH_KIB: u32 = 256 * 1024;
/// The most passes.
const MOST_HASH_PASSES: u32 = 16;
/// Of a salt, bytes.
const SALT_BYTES: usize = 16;

/// One user.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Without a colon: HTTP's Basic has no way to send one.
    pub name: String,
    /// PHC string of Argon2: `$argon2id$v=19$…`.
    pub hash: String,
    /// The mountpoints it may have; all when left out.
    pub mountpoints: Option<BTreeSet<String>>,
}

/// A hash is not for logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The users, by name. Without any, everybody may have everything.
#[derive(Clone, Debug, Default)]
pub struct Users(BTreeMap<String, User>);

/// Why a list of users can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsersError {
    /// Over [`MAX_USERS`].
    #[error("{found} users, at most {MAX_USERS} are borne: name fewer")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// None at all: that would be a caster open to everybody.
    #[error("no user is named: add one, or leave the file out to serve everybody")]
    None,
    /// A name that can't be sent.
    #[error("{name:?} is no user's name: it must not be empty or hold a colon")]
    Name {
        /// As given.
        name: String,
    },
    /// Two of a name.
    #[error("the user {name} is there twice: remove one")]
    Twice {
        /// Theirs.
        name: String,
    },
    /// Not a hash, or one that costs too much.
    #[error(
        "the hash of the user {name} is none of Argon2 that can be used (at most {MOST_HASH_KIB} KiB and {MOST_HASH_PASSES} passes): make one with depot gnss hash"
    )]
    Hash {
        /// Whose.
        name: String,
    },
}

impl Users {
    /// These users.
    ///
    /// # Errors
    /// None, too many, or one that could never come in.
    pub fn new(list: Vec<User>) -> Result<Self, UsersError> {
        match list.len() {
            0 => return Err(UsersError::None),
            found if found > MAX_USERS => return Err(UsersError::TooMany { found }),
            _ => {}
        }
        let mut users = BTreeMap::new();
        for user in list {
            let name = user.name.clone();
            if name.is_empty() || name.contains(':') {
                return Err(UsersError::Name { name });
            }
            if !is_bearable(&user.hash) {
                return Err(UsersError::Hash { name });
            }
            if users.insert(name.clone(), user).is_some() {
                return Err(UsersError::Twice { name });
            }
        }
        Ok(Self(users))
    }

    /// Nobody is asked for a password.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a user of this name.
    #[must_use]
    pub fn is_user(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The hash to verify a password with, and whether it would let this user have this mountpoint. Of a user
    /// that isn't there it is another's: how long the answer takes tells nobody who is.
    #[must_use]
    pub fn hash_of(&self, user: &str, mountpoint: &str) -> Option<(&str, bool)> {
        match self.0.get(user) {
            Some(user) => {
                let may = user.mountpoints.as_ref().is_none_or(|names| names.contains(mountpoint));
                Some((user.hash.as_str(), may))
            }
            None => self.0.values().next().map(|user| (user.hash.as_str(), false)),
        }
    }
}

fn is_bearable(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    argon2::Algorithm::try_from(hash.algorithm).is_ok()
        && hash.hash.is_some()
        && argon2::Params::try_from(&hash)
            .is_ok_and(|params| params.m_cost() <= MOST_HASH_KIB && params.t_cost() <= MOST_HASH_PASSES)
}

/// Whether a password is the one a hash was made of. Takes tens of milliseconds of processor time and as much
/// memory as the hash says.
#[must_use]
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A password couldn't be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Nothing was given.
    #[error("an empty password protects nothing: give one")]
    Empty,
    /// What the library says.
    #[error("the password could not be hashed: {0}")]
    Library(argon2::password_hash::Error),
}

/// A password's hash for the file, with a salt of sixteen random bytes.
///
/// # Errors
/// The password is empty, or the library fails.
pub fn hash(password: &str, salt: [u8; SALT_BYTES]) -> Result<String, HashError> {
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    let salt = SaltString::encode_b64(&salt).map_err(HashError::Library)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(HashError::Library)?;
    Ok(hash.to_string())
}

/// What was verified lately, and who failed.
///
/// A thousand rovers that come back at once cost a thousand digests, not a thousand Argon2 hashes. Passwords are
/// kept as a digest with a key of this process.
#[derive(Debug)]
pub struct Known {
    key: [u8; 16],
    verified: BTreeSet<[u8; 32]>,
    /// In the order they came.
    order: VecDeque<[u8; 32]>,
    failures: BTreeMap<IpAddr, VecDeque<Timestamp>>,
}

impl Known {
    /// `key` is random.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self { key, verified: BTreeSet::new(), order: VecDeque::new(), failures: BTreeMap::new() }
    }

    /// These credentials were verified.
    #[must_use]
    pub fn is_verified(&self, credentials: &Credentials) -> bool {
        self.verified.contains(&self.digest(credentials))
    }

    /// They are right.
    pub fn right(&mut self, credentials: &Credentials) {
        let digest = self.digest(credentials);
        if self.verified.insert(digest) {
            self.order.push_back(digest);
        }
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.verified.remove(&oldest);
        }
    }

    /// They are wrong, and came from there.
    pub fn wrong(&mut self, from: IpAddr, now: Timestamp) {
        if !self.failures.contains_key(&from) && self.failures.len() >= FAILING_ADDRESSES {
            let oldest = self.failures.iter().min_by_key(|(_, times)| times.back().copied());
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.failures.remove(&oldest);
            }
        }
        let times = self.failures.entry(from).or_default();
        if times.len() >= FAILURES {
            times.pop_front();
        }
        times.push_back(now);
    }

    /// So many wrong ones came from there that none is looked at for now.
    #[must_use]
    pub fn is_barred(&self, from: IpAddr, now: Timestamp) -> bool {
        self.failures.get(&from).is_some_and(|times| {
            times.len() >= FAILURES
                && times.front().is_some_and(|first| now.saturating_sub(*first) < FAILURES_WITHIN)
        })
    }

    fn digest(&self, credentials: &Credentials) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.key);
        // A name holds no colon.
        digest.update(credentials.user.as_bytes());
        digest.update(b":");
        digest.update(credentials.password.as_bytes());
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `secret`, cheap.
    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$";

    fn cheap(password: &str) -> String {
        let params = argon2::Params::new(8, 1, 1, None).expect("parameters");
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let salt = SaltString::encode_b64(&[7; SALT_BYTES]).expect("a salt");
        argon2.hash_password(password.as_bytes(), &salt).expect("a hash").to_string()
    }

    fn user(name: &str, hash: String) -> User {
        User { name: name.into(), hash, mountpoints: None }
    }

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let made = hash("s3crét", [1; SALT_BYTES]).expect("a hash");
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert!(verify("s3crét", &made) && !verify("s3cret", &made) && !verify("s3crét", "nonsense"));
        assert_eq!(hash("", [1; SALT_BYTES]), Err(HashError::Empty));
    }

    #[test]
    fn lists_that_cant_be_used() {
        let list = |users: Vec<User>| Users::new(users).map(|_| ()).unwrap_err();
        assert_eq!(list(vec![]), UsersError::None);
        let twice = vec![user("a", cheap("x")), user("a", cheap("y"))];
        assert_eq!(list(twice), UsersError::Twice { name: "a".into() });
        assert_eq!(list(vec![user("a:b", cheap("x"))]), UsersError::Name { name: "a:b".into() });
        for bad in [
            "",
            "secret",
            "$2b$12$abc",
            CHEAP,
            "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(list(vec![user("a", bad.into())]), UsersError::Hash { name: "a".into() }, "{bad}");
        }
    }

    #[test]
    fn some_may_have_some_mountpoints() {
        let mut some = user("rover", cheap("x"));
        some.mountpoints = Some(["ROVER".to_owned()].into());
        let users = Users::new(vec![some]).expect("users");
        assert_eq!(users.hash_of("rover", "ROVER").map(|(_, may)| may), Some(true));
        assert_eq!(users.hash_of("rover", "OTHER").map(|(_, may)| may), Some(false));
        let (hash, may) = users.hash_of("nobody", "ROVER").expect("a hash all the same");
        assert!(!may && verify("x", hash));
        assert!(Users::default().is_open() && !users.is_open());
    }

    #[test]
    fn what_was_verified_is_known_and_bounded() {
        let mut known = Known::new([3; 16]);
        let first = credentials("a", "b:c");
        assert!(!known.is_verified(&first));
        known.right(&first);
        known.right(&first);
        assert!(known.is_verified(&first) && !known.is_verified(&credentials("a", "b")));
        for n in 0..KNOWN {
            known.right(&credentials("a", &n.to_string()));
        }
        assert!(!known.is_verified(&first) && known.is_verified(&credentials("a", "0")));
        assert_eq!((known.order.len(), known.verified.len()), (KNOWN, KNOWN));
    }

    #[test]
    fn whoever_fails_too_often_waits() {
        let (mut known, from) = (Known::new([3; 16]), IpAddr::from([10, 0, 0, 1]));
        let at = |s: u64| Timestamp::from_secs(1_000_000 + s);
        for second in 0..FAILURES as u64 {
            assert!(!known.is_barred(from, at(second)));
            known.wrong(from, at(second));
        }
        assert!(known.is_barred(from, at(20)) && !known.is_barred([10, 0, 0, 2].into(), at(20)));
        assert!(!known.is_barred(from, at(60)), "the first is a minute old");
        for n in 0..2 * FAILING_ADDRESSES as u32 {
            known.wrong(IpAddr::from(n.to_be_bytes()), at(100));
        }
        assert_eq!(known.failures.len(), FAILING_ADDRESSES);
    }
}
