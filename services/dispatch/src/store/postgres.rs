//! PostgreSQL, by URL. One dispatch leads on a database; others stand by.
//!
//! Two things keep leaders apart. A session-level advisory lock says who may lead: it is gone with its
//! connection, so that another takes over at once. And each leader has a term, a number of its own, that every
//! commit names: one from an earlier term finds nothing to change, whatever became of its lock.
//!
//! A commit takes two round trips: everything that is written, and, if all of that went as expected, COMMIT.
//! So only what breaks during the second leaves a commit's fate open; the batch's number, written with it,
//! settles that once the lock is ours again.

mod session;

use std::{future::Future, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
    error::{Severity, SqlState},
};

use self::session::Session;
use super::{CheckError, CommitError, OpenError, Store, StoreError};
use crate::core::ledger::Change;

/// A server that can't be connected to in this time is away.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A server that takes longer for a word that costs it nothing is away, and its connection is given up.
pub const CHECK_WITHIN: Duration = Duration::from_secs(2);
/// The same for each of a commit's two round trips.
pub const COMMIT_WITHIN: Duration = Duration::from_secs(10);
/// The same for migrations, and for reading everything there is.
pub const LOAD_WITHIN: Duration = Duration::from_secs(60);
/// A network that swallows what is sent for so long has lost the connection.
const CUT_AFTER: Duration = Duration::from_secs(5);

/// A database on a server.
pub struct Postgres {
    config: Config,
    name: String,
    /// Made on the keeper's thread, with the first use.
    runtime: Option<Runtime>,
    session: Option<Session>,
    /// Ours; 0 before the first.
    term: i64,
    /// The server's process that had our lock last.
    backend: i32,
}

impl Postgres {
    /// The database at this URL. Nothing is connected yet.
    ///
    /// # Errors
    /// It isn't understood, or asks for TLS.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        // The parser knows fewer words than libpq does.
        if url.contains("sslmode=verify") || url.contains("sslmode=allow") {
            return Err(StoreError::Tls);
        }
        let mut config: Config = url.parse().map_err(|_| StoreError::Url)?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(StoreError::Tls);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(StoreError::Url);
        }
        config
            .ssl_mode(SslMode::Disable)
            .application_name("depot dispatch")
            .connect_timeout(CONNECT_WITHIN)
            .tcp_user_timeout(CUT_AFTER)
            .keepalives_idle(Duration::from_secs(2))
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(3);
        let name = shown(&config);
        Ok(Self { config, name, runtime: None, session: None, term: 0, backend: 0 })
    }

    fn run<T>(&mut self, what: impl AsyncFnOnce(&mut Self) -> T) -> Result<T, StoreError> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => Builder::new_current_thread().enable_all().build().map_err(StoreError::Thread)?,
        };
        let done = runtime.block_on(what(self));
        self.runtime = Some(runtime);
        Ok(done)
    }

    async fn let_go(&mut self) {
        if let Some(session) = self.session.take() {
            session.end().await;
        }
    }

    async fn connect(&self) -> Result<Session, StoreError> {
        let connected = timeout(CONNECT_WITHIN, Session::connect(&self.config)).await;
        match connected {
            Ok(connected) => {
                connected.map_err(|cause| StoreError::Connect { name: self.name.clone(), cause })
            }
            Err(_) => Err(self.silent(CONNECT_WITHIN)),
        }
    }

    /// What the server says, if it says it in time.
    async fn within<T>(
        &self,
        limit: Duration,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        match timeout(limit, asked).await {
            Ok(done) => done.map_err(|cause| StoreError::Postgres { name: self.name.clone(), cause }),
            Err(_) => Err(self.silent(limit)),
        }
    }

    fn silent(&self, limit: Duration) -> StoreError {
        StoreError::Silent { name: self.name.clone(), waited_s: limit.as_secs() }
    }

    fn taken_over(&self) -> StoreError {
        StoreError::TakenOver { name: self.name.clone() }
    }

    async fn open_now(&mut self) -> Result<Vec<Change>, OpenError> {
        self.let_go().await;
        let mut session = self.connect().await.map_err(sorted)?;
        match self.lead(&mut session).await {
            Ok((term, changes)) => {
                (self.term, self.backend) = (term, session.backend);
                self.session = Some(session);
                Ok(changes)
            }
            Err(error) => {
                session.end().await;
                Err(error)
            }
        }
    }

    async fn lead(&self, session: &mut Session) -> Result<(i64, Vec<Change>), OpenError> {
        let name = || self.name.clone();
        let found = self.within(CHECK_WITHIN, session.greet()).await.map_err(sorted)?;
        if found.encoding != "UTF8" {
            let error = StoreError::Encoding { name: name(), found: found.encoding };
            return Err(OpenError::Fatal(error));
        }
        // Before the lock: one who stands by would else learn it only in an emergency.
        let known = session::version();
        if found.version > known {
            return Err(OpenError::Fatal(StoreError::Newer { name: name(), found: found.version, known }));
        }
        if !self.within(CHECK_WITHIN, session.lock()).await.map_err(sorted)? {
            return Err(OpenError::Held(StoreError::StandBy { name: name() }));
        }
        let found = self.within(LOAD_WITHIN, session.migrate()).await.map_err(sorted)?;
        if found > known {
            return Err(OpenError::Fatal(StoreError::Newer { name: name(), found, known }));
        }
        let term = self.within(LOAD_WITHIN, session.begin_term()).await.map_err(sorted)?;
        self.within(CHECK_WITHIN, session.prepare()).await.map_err(sorted)?;
        let rows = self.within(LOAD_WITHIN, session.load()).await.map_err(sorted)?;
        Ok((term, session::read(&rows).map_err(OpenError::Fatal)?))
    }

    async fn commit_now(&mut self, batch: u64, changes: &[Change]) -> Result<(), CommitError> {
        let Some(session) = &self.session else {
            return Err(CommitError::Away(StoreError::Closed { name: self.name.clone() }));
        };
        let written = session::written(changes).map_err(CommitError::Refused)?;
        let led = match self.within(COMMIT_WITHIN, session.write(self.term, batch, &written)).await {
            Ok(Ok(led)) => Ok(led),
            // The database would have kept it.
            Ok(Err(guard)) => Err(CommitError::Refused(guard)),
            Err(error) if is_refusal(&error) => Err(CommitError::Refused(error)),
            Err(error) => Err(CommitError::Away(error)),
        };
        match led {
            Ok(true) => {}
            Ok(false) => {
                let error = self.taken_over();
                self.let_go().await;
                return Err(CommitError::Lost(error));
            }
            Err(error) => {
                let over =
                    is_over(error.cause()) || self.within(CHECK_WITHIN, session.roll_back()).await.is_err();
                if over {
                    self.let_go().await;
                }
                return match error {
                    // A refusal without a connection left is trouble all the same.
                    CommitError::Refused(error) if over => Err(CommitError::Away(error)),
                    error => Err(error),
                };
            }
        }
        match self.within(COMMIT_WITHIN, session.commit()).await {
            Ok(()) => Ok(()),
            Err(error) if is_over(&error) => {
                self.let_go().await;
                Err(CommitError::Unknown(error))
            }
            Err(error) => Err(CommitError::Away(error)),
        }
    }

    async fn check_now(&mut self) -> Result<(), CheckError> {
        let Some(session) = &self.session else {
            return Err(CheckError::Cut(StoreError::Closed { name: self.name.clone() }));
        };
        match self.within(CHECK_WITHIN, session.leads(self.term)).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let error = self.taken_over();
                self.let_go().await;
                Err(CheckError::Lost(error))
            }
            Err(error) => Err(self.trouble(error).await),
        }
    }

    async fn resume_now(&mut self) -> Result<u64, CheckError> {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.let_go().await;
            self.reconnect().await?;
        }
        let Some(session) = &self.session else {
            return Err(CheckError::Cut(StoreError::Closed { name: self.name.clone() }));
        };
        match self.within(COMMIT_WITHIN, session.probe(self.term)).await {
            Ok(Some(batch)) => Ok(batch),
            Ok(None) => {
                let error = self.taken_over();
                self.let_go().await;
                Err(CheckError::Lost(error))
            }
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// The lock again, if nobody else led meanwhile.
    async fn reconnect(&mut self) -> Result<(), CheckError> {
        let mut session = self.connect().await.map_err(CheckError::Cut)?;
        let regained = self.regain(&mut session).await;
        if regained.is_ok() {
            self.backend = session.backend;
            self.session = Some(session);
        } else {
            session.end().await;
        }
        regained
    }

    async fn regain(&self, session: &mut Session) -> Result<(), CheckError> {
        self.within(CHECK_WITHIN, session.greet()).await.map_err(CheckError::Cut)?;
        let locked = self.within(CHECK_WITHIN, session.lock()).await.map_err(CheckError::Cut)?;
        // Once the lock is ours no term begins; before, ours can only end.
        if !self.within(CHECK_WITHIN, session.leads(self.term)).await.map_err(CheckError::Cut)? {
            return Err(CheckError::Lost(self.taken_over()));
        }
        if !locked {
            // The server may not have seen that our old connection is gone.
            let dismissed = session.dismiss(self.backend);
            self.within(CHECK_WITHIN, dismissed).await.map_err(CheckError::Cut)?;
            return Err(CheckError::Cut(StoreError::StandBy { name: self.name.clone() }));
        }
        self.within(CHECK_WITHIN, session.prepare()).await.map_err(CheckError::Cut)
    }

    async fn trouble(&mut self, error: StoreError) -> CheckError {
        if is_over(&error) {
            self.let_go().await;
            CheckError::Cut(error)
        } else {
            CheckError::Away(error)
        }
    }
}

impl Store for Postgres {
    fn open(&mut self) -> Result<Vec<Change>, OpenError> {
        self.run(async |store| store.open_now().await).map_err(OpenError::Away)?
    }

    fn commit(&mut self, batch: u64, changes: &[Change]) -> Result<(), CommitError> {
        self.run(async |store| store.commit_now(batch, changes).await).map_err(CommitError::Away)?
    }

    fn check(&mut self) -> Result<(), CheckError> {
        self.run(async |store| store.check_now().await).map_err(CheckError::Cut)?
    }

    fn resume(&mut self) -> Result<u64, CheckError> {
        self.run(async |store| store.resume_now().await).map_err(CheckError::Cut)?
    }

    fn can_wait(&self) -> bool {
        true
    }
}

/// Without user and password.
fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = config.get_ports().get(at).or(config.get_ports().first()).unwrap_or(&5432);
        match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            Host::Unix(folder) => format!("{}:{port}", folder.display()),
        }
    });
    let hosts: Vec<String> = hosts.collect();
    format!("{} on {}", config.get_dbname().unwrap_or("(the user's)"), hosts.join(","))
}

/// What a failure to open means.
fn sorted(error: StoreError) -> OpenError {
    let (StoreError::Connect { cause, .. } | StoreError::Postgres { cause, .. }) = &error else {
        return OpenError::Away(error);
    };
    // Not a matter of waiting: user or password (class 28), no such database, no right to do it (class 42).
    match cause.code() {
        Some(code) if code.code().starts_with("28") || code.code().starts_with("42") => {
            OpenError::Fatal(error)
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => OpenError::Fatal(error),
        _ => OpenError::Away(error),
    }
}

/// The change is at fault, not the server: its data (class 22), a constraint (23), or how it is asked (42).
fn is_refusal(error: &StoreError) -> bool {
    let StoreError::Postgres { cause, .. } = error else { return false };
    let class = cause.code().map_or("", |code| code.code());
    !is_over(error) && ["22", "23", "42"].iter().any(|refusal| class.starts_with(refusal))
}

/// The connection is of no use any more.
fn is_over(error: &StoreError) -> bool {
    match error {
        StoreError::Postgres { cause, .. } => {
            let severity = cause.as_db_error().map(tokio_postgres::error::DbError::parsed_severity);
            severity != Some(Some(Severity::Error))
        }
        StoreError::Silent { .. } | StoreError::Closed { .. } | StoreError::Connect { .. } => true,
        _ => false,
    }
}
