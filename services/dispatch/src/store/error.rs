//! What can go wrong with a store, and what that means for whoever drives it.

use std::error::Error;

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it.
    #[error(transparent)]
    Held(StoreError),
    /// It can't be reached, or doesn't work just now.
    #[error(transparent)]
    Away(StoreError),
    /// Trying again won't help: a person has to do something.
    #[error(transparent)]
    Fatal(StoreError),
}

/// Why a commit wasn't kept, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing of it was kept; the next one may well be.
    #[error(transparent)]
    Refused(StoreError),
    /// Nothing of it was kept, and the next won't be before [`Store::resume`](super::Store::resume) has
    /// succeeded.
    #[error(transparent)]
    Away(StoreError),
    /// It failed while it was being made final: all of it was kept, or nothing.
    #[error(transparent)]
    Unknown(StoreError),
    /// Nothing of it was kept: somebody else has the store.
    #[error(transparent)]
    Lost(StoreError),
}

/// Why a store can't be used for now.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It doesn't work, but nobody else can change it.
    #[error(transparent)]
    Away(StoreError),
    /// The connection that made it ours is gone: somebody else may take it.
    #[error(transparent)]
    Cut(StoreError),
    /// Somebody else has it, or had it.
    #[error(transparent)]
    Lost(StoreError),
}

impl CommitError {
    /// What went wrong.
    #[must_use]
    pub const fn cause(&self) -> &StoreError {
        let (Self::Refused(cause) | Self::Away(cause) | Self::Unknown(cause) | Self::Lost(cause)) = self;
        cause
    }
}

impl OpenError {
    /// What went wrong.
    #[must_use]
    pub const fn cause(&self) -> &StoreError {
        let (Self::Held(cause) | Self::Away(cause) | Self::Fatal(cause)) = self;
        cause
    }

    /// What went wrong.
    #[must_use]
    pub fn into_cause(self) -> StoreError {
        let (Self::Held(cause) | Self::Away(cause) | Self::Fatal(cause)) = self;
        cause
    }
}

impl CheckError {
    /// What went wrong.
    #[must_use]
    pub const fn cause(&self) -> &StoreError {
        let (Self::Away(cause) | Self::Cut(cause) | Self::Lost(cause)) = self;
        cause
    }
}

/// What went wrong: a sentence for a person, without the database's own words (those are its source) and
/// without a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database's address can't be understood.
    #[error(
        "the database address can't be understood; write sqlite:FILE or \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Url,
    /// An encrypted connection is asked for.
    #[error(
        "the database address asks for TLS (sslmode), which depot doesn't speak to PostgreSQL; use a tunnel or \
         a Unix socket, and leave sslmode out"
    )]
    Tls,
    /// It was written by a newer program.
    #[error(
        "the database {name} has version {found} and this depot knows versions up to {known}; use the newer \
         depot that wrote it, or another database"
    )]
    Newer {
        /// The file or address.
        name: String,
        /// Its version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// The database can't keep every text.
    #[error("the database {name} has the encoding {found}; make one with the encoding UTF8")]
    Encoding {
        /// The address.
        name: String,
        /// Its encoding.
        found: String,
    },
    /// Another process has it.
    #[error("the database {name} is in use by another process; stop that one, or use another database")]
    InUse {
        /// The file.
        name: String,
    },
    /// Another dispatch has it, and this one waits.
    #[error("another dispatch leads on the database {name}; this one stands by")]
    StandBy {
        /// The address.
        name: String,
    },
    /// Another dispatch had it meanwhile.
    #[error("another dispatch has taken over the database {name}")]
    TakenOver {
        /// The address.
        name: String,
    },
    /// The folder for it can't be made.
    #[error("can't make the folder {name} for the database; say where with --data")]
    Folder {
        /// The folder.
        name: String,
        /// As the system words it.
        #[source]
        cause: std::io::Error,
    },
    /// It can't be opened.
    #[error("can't open the database {name}; check that its folder exists and may be written to")]
    Open {
        /// The file.
        name: String,
        /// As the database words it.
        #[source]
        cause: rusqlite::Error,
    },
    /// The server can't be reached, or doesn't let us in.
    #[error("can't connect to the database {name}; check its address, user and password, and that it runs")]
    Connect {
        /// The address.
        name: String,
        /// As the client words it.
        #[source]
        cause: tokio_postgres::Error,
    },
    /// The server didn't answer in time.
    #[error("the database {name} didn't answer within {waited_s} s")]
    Silent {
        /// The address.
        name: String,
        /// So long it was waited for.
        waited_s: u64,
    },
    /// There is no connection.
    #[error("there is no connection to the database {name}")]
    Closed {
        /// The file or address.
        name: String,
    },
    /// A change doesn't fit what is kept: the row it moves is gone, or has another status or rover.
    #[error("the database refused to change {what} {id}, which is not as expected")]
    Guard {
        /// `task`…
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A text with a NUL, which one database takes and the other doesn't.
    #[error("the database keeps no text with a NUL in it")]
    Nul,
    /// A row can't be understood.
    #[error("the database holds a {what} that can't be read; restore it from a backup")]
    Row {
        /// `task`…
        what: &'static str,
        /// As the parser words it.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// What was to be committed can't be understood.
    #[error("what was to be kept can't be read")]
    Changes(#[source] serde_json::Error),
    /// SQLite failed.
    #[error("the database {name} failed; check that its disk has room and works")]
    Sqlite {
        /// The file.
        name: String,
        /// As the database words it.
        #[source]
        cause: rusqlite::Error,
    },
    /// PostgreSQL failed.
    #[error("the database {name} failed; its own log says more")]
    Postgres {
        /// The address.
        name: String,
        /// As the database words it.
        #[source]
        cause: tokio_postgres::Error,
    },
    /// The system has no thread or event loop to give.
    #[error("the system has no thread to give")]
    Thread(#[source] std::io::Error),
}

impl StoreError {
    /// With everything that led to it: for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
