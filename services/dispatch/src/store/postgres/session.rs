//! One connection, and what is said over it.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use bytes::BytesMut;
use futures_util::future::{MaybeDone, maybe_done};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    Client, Config, Error, NoTls, Row, Statement as Prepared,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use crate::{
    core::ledger::Change,
    store::{
        StoreError,
        row::{Columns, Statement, Table, Unreadable, Value, Written},
    },
};

/// What brings a database from one version to the next; `keeper.version` counts those it has had.
const MIGRATIONS: &[&str] = &[include_str!("0001_first.sql")];
/// The advisory lock's number. Locks are per database.
const LOCK: i64 = i64::from_be_bytes(*b"dispatch");
/// How long a server may take to be told that we leave.
const LEAVE_WITHIN: Duration = Duration::from_millis(200);

/// Our tables are in a schema of their own. The rest bounds what the server does for one who is gone: the
/// lock has to be free for another within seconds.
const GREETING: &str = "
    SET search_path = dispatch;
    SET client_min_messages = warning;
    SET statement_timeout = '60s';
    SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 2;
    SET tcp_keepalives_interval = 1;
    SET tcp_keepalives_count = 2;
    SET tcp_user_timeout = 4000;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
const FENCE: &str = "UPDATE keeper SET batch = $2 WHERE term = $1";
const LEADS: &str = "SELECT term = $1 FROM keeper";
/// 64 KiB that don't compress.
const FILL: &str = "UPDATE keeper SET probe = (SELECT string_agg(md5(i::text), '') \
                    FROM generate_series(1, 2048) AS i) WHERE term = $1";
const EMPTY: &str = "UPDATE keeper SET probe = NULL WHERE term = $1 RETURNING batch";

/// The version this program brings a database to.
pub(super) fn version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// A connection.
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    /// The server's process.
    pub(super) backend: i32,
    /// [`Statement::ALL`].
    changes: Vec<Prepared>,
    fence: Option<Prepared>,
    leads: Option<Prepared>,
}

/// What the server is.
pub(super) struct Found {
    pub(super) encoding: String,
    /// Migrations it has had.
    pub(super) version: i64,
}

impl Session {
    pub(super) async fn connect(config: &Config) -> Result<Self, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the database ended");
            }
        });
        Ok(Self { client, driver, backend: 0, changes: Vec::new(), fence: None, leads: None })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes the socket, which frees the lock: a task that nobody drives would keep it.
    pub(super) async fn end(self) {
        let Self { client, mut driver, .. } = self;
        drop(client);
        if timeout(LEAVE_WITHIN, &mut driver).await.is_err() {
            driver.abort();
            // Cancelled: that is what was wanted.
            let _ = driver.await;
        }
    }

    pub(super) async fn greet(&mut self) -> Result<Found, Error> {
        self.client.batch_execute(GREETING).await?;
        let sql = "SELECT current_setting('server_encoding'), to_regclass('dispatch.keeper') IS NOT NULL, \
                   pg_backend_pid()";
        let row = self.client.query_one(sql, &[]).await?;
        let (encoding, ours) = (row.try_get(0)?, row.try_get(1)?);
        self.backend = row.try_get(2)?;
        let version = if ours { self.found_version().await? } else { 0 };
        Ok(Found { encoding, version })
    }

    async fn found_version(&self) -> Result<i64, Error> {
        self.client.query_one("SELECT version FROM keeper", &[]).await?.try_get(0)
    }

    pub(super) async fn lock(&self) -> Result<bool, Error> {
        self.client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.try_get(0)
    }

    /// Ends the server's process that still has our lock, though its connection is gone.
    pub(super) async fn dismiss(&self, backend: i32) -> Result<(), Error> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE pid = $1 AND granted \
                   AND locktype = 'advisory' AND classid = ($2::bigint >> 32)::oid \
                   AND objid = ($2::bigint & 4294967295)::oid AND objsubid = 1 \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        self.client.query(sql, &[&backend, &LOCK]).await.map(drop)
    }

    /// Migrations this program has and the database hasn't, all or none. Returns the version it was found at.
    pub(super) async fn migrate(&mut self) -> Result<i64, Error> {
        let transaction = self.client.transaction().await?;
        let sql = "SELECT to_regclass('dispatch.keeper') IS NOT NULL";
        let ours: bool = transaction.query_one(sql, &[]).await?.try_get(0)?;
        let found: i64 = if ours {
            transaction.query_one("SELECT version FROM keeper", &[]).await?.try_get(0)?
        } else {
            transaction.batch_execute("CREATE SCHEMA IF NOT EXISTS dispatch").await?;
            0
        };
        if found >= version() {
            return Ok(found);
        }
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.batch_execute(migration).await?;
        }
        transaction.execute("UPDATE keeper SET version = $1", &[&version()]).await?;
        transaction.commit().await?;
        Ok(found)
    }

    pub(super) async fn begin_term(&self) -> Result<i64, Error> {
        let sql = "UPDATE keeper SET term = term + 1, batch = 0 RETURNING term";
        self.client.query_one(sql, &[]).await?.try_get(0)
    }

    pub(super) async fn prepare(&mut self) -> Result<(), Error> {
        for statement in Statement::ALL {
            self.changes.push(self.client.prepare(statement.sql()).await?);
        }
        self.fence = Some(self.client.prepare(FENCE).await?);
        self.leads = Some(self.client.prepare(LEADS).await?);
        Ok(())
    }

    pub(super) async fn load(&self) -> Result<Vec<Vec<Row>>, Error> {
        let mut tables = Vec::new();
        for table in Table::ALL {
            tables.push(self.client.query(table.sql(), &[]).await?);
        }
        Ok(tables)
    }

    /// Whether this term is still the last.
    pub(super) async fn leads(&self, term: i64) -> Result<bool, Error> {
        let row = match &self.leads {
            Some(prepared) => self.client.query_one(prepared, &[&term]).await?,
            None => self.client.query_one(LEADS, &[&term]).await?,
        };
        row.try_get(0)
    }

    /// Writes everything, in one round trip, and leaves the transaction open. False if another leads.
    pub(super) async fn write(
        &self,
        term: i64,
        batch: u64,
        written: &[Written],
    ) -> Result<Result<bool, StoreError>, Error> {
        let Some(fence) = &self.fence else { return Ok(Ok(false)) };
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        let mut begin = Box::pin(maybe_done(self.client.batch_execute("BEGIN")));
        sent(begin.as_mut()).await;
        let mut fenced = Box::pin(maybe_done(self.client.execute_raw(fence, [term, batch])));
        sent(fenced.as_mut()).await;
        let mut answers = Vec::with_capacity(written.len());
        for row in written {
            let Some(prepared) = self.changes.get(row.statement as usize) else { continue };
            let mut answer = Box::pin(maybe_done(self.client.execute_raw(prepared, row.values.iter())));
            sent(answer.as_mut()).await;
            answers.push((answer, row));
        }
        begin.as_mut().await;
        begin.as_mut().take_output().transpose()?;
        fenced.as_mut().await;
        if fenced.as_mut().take_output().transpose()? != Some(1) {
            return Ok(Ok(false));
        }
        let mut guarded = Ok(true);
        for (mut answer, row) in answers {
            answer.as_mut().await;
            let rows = answer.as_mut().take_output().transpose()?.unwrap_or(0);
            if let Err(guard) = row.changed(rows) {
                guarded = Err(guard);
            }
        }
        Ok(guarded)
    }

    pub(super) async fn commit(&self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT").await
    }

    pub(super) async fn roll_back(&self) -> Result<(), Error> {
        self.client.batch_execute("ROLLBACK").await
    }

    /// Writes and frees some space. The last batch that was kept; none if another leads.
    pub(super) async fn probe(&self, term: i64) -> Result<Option<u64>, Error> {
        // What failed may have left a transaction open.
        self.client.batch_execute("ROLLBACK").await?;
        self.client.execute(FILL, &[&term]).await?;
        let Some(row) = self.client.query_opt(EMPTY, &[&term]).await? else { return Ok(None) };
        Ok(Some(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0)))
    }
}

/// Every change as a row.
pub(super) fn written(changes: &[Change]) -> Result<Vec<Written>, StoreError> {
    changes.iter().map(Written::new).collect()
}

/// Every row as a change.
pub(super) fn read(tables: &[Vec<Row>]) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    for (table, rows) in Table::ALL.iter().zip(tables) {
        for row in rows {
            changes.push(table.read(row)?);
        }
    }
    Ok(changes)
}

/// A first poll: the client sends a request then and waits for its answer from then on.
async fn sent<F: Future>(mut request: Pin<&mut MaybeDone<F>>) {
    // `MaybeDone` keeps what may have come already.
    let _ = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Unreadable> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Bool(value) => value.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::BOOL, Type::TEXT].contains(ty)
    }

    to_sql_checked!();
}

impl Columns for Row {
    fn int(&self, column: usize) -> Result<Option<i64>, Unreadable> {
        Ok(self.try_get(column)?)
    }

    fn bool(&self, column: usize) -> Result<bool, Unreadable> {
        Ok(self.try_get(column)?)
    }

    fn text(&self, column: usize) -> Result<Option<String>, Unreadable> {
        Ok(self.try_get(column)?)
    }
}
