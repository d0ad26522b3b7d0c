//! Logs: to standard error, filtered by `--log` as `tracing` filters are written.
//!
//! Whoever reads them may stop doing so (a full pipe, Ctrl-S in a terminal) and must not stop the depot: lines
//! wait for a thread of their own, and those over [`QUEUE_LINES`] are lost.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

/// Lines that wait to be written; beyond it new ones are lost.
const QUEUE_LINES: usize = 8192;

/// Starts logging; what waits is written when the guard is dropped. A filter that can't be read counts as
/// `info`, and is said so.
pub fn start(filter: &str) -> WorkerGuard {
    let parsed = EnvFilter::try_new(filter);
    let bad = parsed.is_err();
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(QUEUE_LINES).lossy(true).finish(std::io::stderr());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(parsed.unwrap_or_else(|_| EnvFilter::new("info")));
    Registry::default().with(lines).with(Alarm.with_filter(LevelFilter::ERROR)).init();
    if bad {
        tracing::warn!(filter, "--log is not a filter such as info or gps_status=debug; info is used");
    }
    guard
}

/// Who wants to know of errors.
static ON_ERROR: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// From now on `told` is called at every error that is logged, whatever `--log` lets through; it must not wait,
/// and log nothing. The first to ask stays the only one.
pub fn on_error(told: impl Fn() + Send + Sync + 'static) {
    let _ = ON_ERROR.set(Box::new(told));
}

/// Sees errors, and nothing else.
struct Alarm;

impl<S: Subscriber> Layer<S> for Alarm {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // The filter sees to it; a filter that is lost must not make this loop.
        if *event.metadata().level() == Level::ERROR
            && let Some(told) = ON_ERROR.get()
        {
            told();
        }
    }
}
