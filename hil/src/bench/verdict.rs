//! What came of a case.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of a measurement, a case or a run; the graver the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Not measured, for a reason that is told.
    Skip,
    /// Within its limits.
    Pass,
    /// Within its limits, and so near to one that somebody should look.
    Marginal,
    /// Beyond a limit: the receiver, its place or the depot is at fault.
    Fail,
    /// Not measured because the bench failed: it says nothing of the receiver.
    Error,
}

impl Verdict {
    /// The gravest; of nothing, [`Skip`](Self::Skip).
    #[must_use]
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Skip)
    }

    /// As it is printed, and a class of the report's style.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "SKIP",
            Self::Pass => "PASS",
            Self::Marginal => "MARGINAL",
            Self::Fail => "FAIL",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_counts() {
        use Verdict::{Error, Fail, Marginal, Pass, Skip};
        assert_eq!(Verdict::worst([]), Skip);
        assert_eq!(Verdict::worst([Pass, Skip]), Pass);
        assert_eq!(Verdict::worst([Marginal, Pass]), Marginal);
        assert_eq!(Verdict::worst([Error, Fail, Pass]), Error);
        assert_eq!(serde_json::to_string(&Marginal).unwrap(), "\"MARGINAL\"");
        assert_eq!(format!("{Pass:8}|"), "PASS    |");
    }
}
