//! Values that may differ from run to run: ids, times, addresses, numbers that count.
//!
//! A [`Rules`] file says which they are. They are not skipped but *checked*, for their shape and for being
//! consistent over the whole session, and then compared as if they were equal: see [`Checker`]. The file is
//! TOML, [`FILE_NAME`], beside the sessions or in a folder above:
//!
//! ```toml
//! defaults = true                # the built-in rules too (false when left out)
//!
//! [[rule]]
//! service = "dispatch"           # every service when left out
//! message = "task_update"        # the JSON's `type`, `POST /zones` for an answer, `commit`, `state`; with `*`
//! select = "$.data[*].id"        # see `Selector`
//! kind = "uuid"
//! ```
//!
//! | kind | shape | consistent means |
//! |---|---|---|
//! | `uuid` | a hyphenated UUID | one recorded id is one found id, both ways, everywhere |
//! | `id` | a text or whole number | the same |
//! | `address` | `host:port`, with or without a scheme before and a path behind | the same |
//! | `rfc3339`, `unix_ms` | a time | runs not backwards and lies within the session, where the recorded one does |
//! | `seq` | a whole number | rises by as much as the recorded one; starts anew where that does |
//! | `number` | a number | within `tolerance` of the recorded one |
//! | `ignore` | anything, or nothing | |
//!
//! A value that is `null`, or whose recorded one hasn't the shape, is compared like any other.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

mod check;
mod selector;
mod shape;
pub use check::{Breach, Checker, Moment};
pub use selector::{Key, Selector, SelectorError};

/// The name of a file of rules.
pub const FILE_NAME: &str = "depot-volatile.toml";
/// A longer file is refused.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// A file with more rules is refused.
pub const MAX_RULES: usize = 1_000;

/// What is volatile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    rules: Vec<Rule>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// None: every service.
    pub service: Option<String>,
    /// None: every message; `*` stands for any characters.
    pub message: Option<String>,
    /// Which values.
    pub select: Selector,
    /// What they are.
    pub kind: Kind,
    /// Where it stands in its file, from 1; none for a built-in rule.
    pub line: Option<usize>,
}

/// What a volatile value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// Any other name.
    Id,
    /// Where something listens.
    Address,
    /// A time as text.
    Rfc3339,
    /// A time in milliseconds.
    UnixMs,
    /// A number that counts.
    Seq,
    /// A number that isn't the same to the last digit.
    Number {
        /// How far it may be off, either way.
        tolerance: f64,
    },
    /// Not looked at.
    Ignore,
}

/// Why a file of rules can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// It can't be read.
    #[error("cannot read the rules {path}: {source}; check its permissions")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is too long, or has too many rules.
    #[error(
        "the rules {path} are longer than {MAX_FILE_BYTES} bytes or more than {MAX_RULES}; divide the sessions into folders"
    )]
    TooLong {
        /// The file.
        path: String,
    },
    /// It isn't TOML, or has a key, kind or value that isn't known.
    #[error("{path}, line {line}: {problem}; the kinds are {}", Kind::NAMES.join(", "))]
    Toml {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A selector can't be read.
    #[error("{path}, line {line}: {source}")]
    Selector {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// Why.
        source: SelectorError,
    },
    /// `tolerance` is missing, is no distance, or stands where it has no meaning.
    #[error("{path}, line {line}: {kind} {}", if *wants { "needs a tolerance, 0 or more" } else { "has no tolerance" })]
    Tolerance {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// The rule's kind.
        kind: &'static str,
        /// Whether it should have one.
        wants: bool,
    },
}

impl Kind {
    /// As they are written.
    pub const NAMES: [&'static str; 8] =
        ["uuid", "id", "address", "rfc3339", "unix_ms", "seq", "number", "ignore"];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Id => "id",
            Self::Address => "address",
            Self::Rfc3339 => "rfc3339",
            Self::UnixMs => "unix_ms",
            Self::Seq => "seq",
            Self::Number { .. } => "number",
            Self::Ignore => "ignore",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.select)?;
        if let Some(message) = &self.message {
            write!(f, " of {message}")?;
        }
        self.service.as_ref().map_or(Ok(()), |service| write!(f, " of {service}"))
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: bool,
    #[serde(default)]
    rule: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    service: Option<String>,
    message: Option<String>,
    select: String,
    kind: Name,
    tolerance: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Uuid,
    Id,
    Address,
    Rfc3339,
    UnixMs,
    Seq,
    Number,
    Ignore,
}

impl Rules {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`RulesError`].
    pub fn read(path: &Path) -> Result<Self, RulesError> {
        let name = path.display().to_string();
        let io_error = |source| RulesError::Io { path: name.clone(), source };
        if std::fs::metadata(path).map_err(io_error)?.len() > MAX_FILE_BYTES {
            return Err(RulesError::TooLong { path: name });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(io_error)?, &name)
    }

    /// Reads a file's text; `path` is for the errors.
    ///
    /// # Errors
    /// See [`RulesError`].
    pub fn parse(text: &str, path: &str) -> Result<Self, RulesError> {
        let line_at =
            |byte: usize| text.bytes().take(byte).filter(|byte| *byte == b'\n').count().saturating_add(1);
        let line = |span: Option<Range<usize>>| span.map_or(1, |span| line_at(span.start));
        let file: File = toml::from_str(text).map_err(|error| RulesError::Toml {
            path: path.to_owned(),
            line: line(error.span()),
            problem: error.message().replace('\n', " "),
        })?;
        if file.rule.len() > MAX_RULES {
            return Err(RulesError::TooLong { path: path.to_owned() });
        }
        let mut rules = Vec::new();
        for written in file.rule {
            let line = line_at(written.span().start);
            rules.push(rule(written.into_inner(), line, path)?);
        }
        // What a project says of its own messages comes before what anybody would say.
        rules.extend(if file.defaults { Self::defaults().rules } else { Vec::new() });
        Ok(Self { rules })
    }

    /// What differs when the same clients speak with the same services another day, over real sockets.
    /// A replay at core level needs none of it: the same inputs at the same times make the same values.
    #[must_use]
    pub fn defaults() -> Self {
        let rule = |service: &str, select: &str, kind| Rule {
            service: Some(service.to_owned()),
            message: None,
            select: select.parse().unwrap_or_default(),
            kind,
            line: None,
        };
        let mut rules = vec![
            rule("gps-status", "$..lastUpdate", Kind::UnixMs),
            rule("gps-status", "$..lastSeen", Kind::UnixMs),
            rule("discovery", "$..lastSeen", Kind::UnixMs),
        ];
        rules.extend(
            ["id", "zoneId", "missionId"].map(|id| rule("dispatch", &format!("$..{id}"), Kind::Uuid)),
        );
        rules.extend(
            ["task_id", "mission_id", "zone_id"].map(|id| rule("dispatch", &format!("$..{id}"), Kind::Uuid)),
        );
        // The console's sequence begins at the time at which the store was opened.
        rules.push(rule("dispatch", "$.seq", Kind::Seq));
        rules.push(rule("dispatch", "$.epoch", Kind::UnixMs));
        rules.extend(
            ["createdAt", "updatedAt", "startedAt", "endedAt"]
                .map(|time| rule("dispatch", &format!("$..{time}"), Kind::Rfc3339)),
        );
        Self { rules }
    }

    /// These rules, and after them others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.rules.extend(others.rules);
        self
    }

    /// All of them; of several that select a value, the first counts.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The nearest file of rules for a session: in its own folder, or one above it, but not above `top`.
#[must_use]
pub fn find(session: &Path, top: &Path) -> Option<PathBuf> {
    let folder = |path: &Path| {
        let folder = path.parent().unwrap_or(Path::new(""));
        if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
    };
    let own = folder(session);
    own.ancestors()
        .take_while(|folder| *folder == own || folder.starts_with(top))
        .map(|folder| folder.join(FILE_NAME))
        .find(|file| file.is_file())
}

fn rule(written: Written, line: usize, path: &str) -> Result<Rule, RulesError> {
    let Written { service, message, select, kind, tolerance } = written;
    let kind = match kind {
        Name::Uuid => Kind::Uuid,
        Name::Id => Kind::Id,
        Name::Address => Kind::Address,
        Name::Rfc3339 => Kind::Rfc3339,
        Name::UnixMs => Kind::UnixMs,
        Name::Seq => Kind::Seq,
        Name::Number => Kind::Number { tolerance: tolerance.unwrap_or(-1.0) },
        Name::Ignore => Kind::Ignore,
    };
    let wants = matches!(kind, Kind::Number { .. });
    if wants != tolerance.is_some_and(|tolerance| tolerance.is_finite() && tolerance >= 0.0)
        || (!wants && tolerance.is_some())
    {
        return Err(RulesError::Tolerance { path: path.to_owned(), line, kind: kind.name(), wants });
    }
    let select =
        select.parse().map_err(|source| RulesError::Selector { path: path.to_owned(), line, source })?;
    Ok(Rule { service, message, select, kind, line: Some(line) })
}

/// Whether a text is what a pattern says; `*` in it stands for any characters, also none.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part).and_then(|at| rest.get(at.saturating_add(part.len())..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Rules::parse(text, "r.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_rules() {
        let text = "[[rule]]\nselect = \"$.a\"\nkind = \"seq\"\n\n[[rule]]\nservice = \"dispatch\"\nmessage = \"POST *\"\nselect = \"$..b\"\nkind = \"number\"\ntolerance = 0.5\n";
        let rules = Rules::parse(text, "r.toml").unwrap();
        let told: Vec<String> = rules.iter().map(|rule| format!("{:?} {rule}", rule.line)).collect();
        assert_eq!(told, ["Some(1) seq $.a", "Some(5) number $..b of POST * of dispatch"]);
        let with = Rules::parse(&format!("defaults = true\n{text}"), "r.toml").unwrap();
        assert_eq!(with.iter().count(), 2 + Rules::defaults().iter().count());
        assert!(Rules::parse("", "r.toml").unwrap().is_empty());
        assert!(Rules::defaults().iter().all(|rule| rule.select != Selector::default()));
    }

    #[test]
    fn a_bad_file_says_where_and_what() {
        let told = error("[[rule]]\nselect = \"$.a\"\nkind = \"guid\"\n");
        assert!(told.starts_with("r.toml, line 3: unknown variant `guid`"), "{told}");
        assert!(told.ends_with("; the kinds are uuid, id, address, rfc3339, unix_ms, seq, number, ignore"));
        assert!(error("[[rule]]\nselect = \"$.a\"\n").contains("missing field `kind`"));
        assert!(error("[[rules]]\n").contains("unknown field `rules`"));
        assert!(error("x = [").starts_with("r.toml, line 1: "));
        let rule = |rest: &str| error(&format!("\n[[rule]]\n{rest}"));
        assert!(rule("select = \"a\"\nkind = \"id\"").starts_with("r.toml, line 2: "));
        let needs = "r.toml, line 2: number needs a tolerance, 0 or more";
        assert_eq!(rule("select = \"$.a\"\nkind = \"number\""), needs);
        assert_eq!(rule("select = \"$.a\"\nkind = \"number\"\ntolerance = -1.0"), needs);
        assert_eq!(rule("select = \"$.a\"\nkind = \"number\"\ntolerance = nan"), needs);
        let none = "r.toml, line 2: uuid has no tolerance";
        assert_eq!(rule("select = \"$.a\"\nkind = \"uuid\"\ntolerance = 1"), none);
    }

    #[test]
    fn a_pattern_is_like() {
        for (pattern, text, is) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("POST /zones/*", "POST /zones/5", true),
            ("POST /zones/*", "GET /zones/5", false),
            ("*/start", "POST /missions/1/start", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(like(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn the_nearest_file_counts_and_none_above_the_top() {
        let folder = tempfile::tempdir().unwrap();
        let (top, deep) = (folder.path().join("top"), folder.path().join("top/a/b"));
        std::fs::create_dir_all(&deep).unwrap();
        let session = deep.join("s.mcap");
        let write = |at: &Path| std::fs::write(at.join(FILE_NAME), "").unwrap();
        write(folder.path());
        assert_eq!(find(&session, &top), None);
        write(&top);
        assert_eq!(find(&session, &top), Some(top.join(FILE_NAME)));
        assert_eq!(find(&session, &session), None, "a file alone: its own folder");
        write(&deep);
        assert_eq!(find(&session, &top), Some(deep.join(FILE_NAME)));
        assert_eq!(find(&session, &session), Some(deep.join(FILE_NAME)));
    }
}
