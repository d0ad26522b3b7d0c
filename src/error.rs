//! What ends the program, and the exit code that says so.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use replay::proxy::tls::TlsError;
use replay::shrink::ShrinkError;
use replay::tools::ToolError;
use replay::update::UpdateError;

use crate::commands::gnss::configure::ConfigureError;
use crate::commands::gnss::convert::ConvertError;
use crate::commands::gnss::feed::FeedError;
use crate::commands::gnss::monitor::MonitorError;

/// The exit codes of `depot`, as `--help` prints them.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  something failed: reading, writing, the network
    2  usage: a flag, a value, a configuration key
    3  the input is damaged or cut off; what could be read was used
    4  no such file, port or receiver, nothing selected, or more than one where one was meant
    5  not permitted to open the port or the file
    6  not deterministic: two replays of one recording differ
    7  the port is held by another program
    8  the wrong baud rate
    9  not a GNSS stream; not a recording
   10  a recording of a newer format
  100  the replay differs from the recording
  110  the bench: a limit isn't met
  111  the bench: something couldn't be measured";

/// Why the program ends. The text is one sentence that says what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// clap's own words: usage, `--help`, `--version`.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The configuration file.
    #[error(transparent)]
    Settings(#[from] crate::settings::SettingsError),
    /// A source could not be opened.
    #[error(transparent)]
    Source(#[from] rtk_reader::source::SourceError),
    /// The bench can't do its work.
    #[cfg(unix)]
    #[error(transparent)]
    Bench(#[from] hil::bench::BenchError),
    /// A recording could not be started.
    #[error(transparent)]
    Record(#[from] replay::recorder::CreateError),
    /// A recording broke off.
    #[error(transparent)]
    Recording(#[from] replay::recorder::RecordError),
    /// A recording could not be replayed.
    #[error(transparent)]
    Replay(#[from] replay::player::ReplayError),
    /// Rules of volatile values can't be used.
    #[error(transparent)]
    Rules(#[from] replay::volatile::RulesError),
    /// A recording's clients could not be played.
    #[error(transparent)]
    Wire(#[from] replay::wire::WireError),
    /// A recording could not be played.
    #[error(transparent)]
    Play(#[from] replay::play::PlayError),
    /// Paths or patterns of recordings can't be used.
    #[error(transparent)]
    Select(#[from] replay::select::SelectError),
    /// A part of a session that ends before it begins.
    #[error("--until is before --from: nothing is between them; exchange them")]
    EmptyWindow,
    /// No recording below any of the paths.
    #[error(
        "no session is selected: no *.mcap is there; name a recording, a folder of them or a quoted pattern"
    )]
    NothingSelected,
    /// New behaviour could not be taken into a session.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A review broke off.
    #[error(transparent)]
    Review(#[from] replay::review::ReviewError),
    /// What a CI accepts nobody has looked at.
    #[error("{what} is not for a CI (the variable CI is set); run it where a person looks at it")]
    NotInCi {
        /// `--update`, `a review`.
        what: &'static str,
    },
    /// Nobody is there to answer.
    #[error(
        "a review asks questions, and standard input is no terminal; run it in one ({pending} pending), or accept all with depot replay --update"
    )]
    NoTerminal {
        /// Sessions to review.
        pending: usize,
    },
    /// A tool for recordings failed.
    #[error(transparent)]
    Session(#[from] ToolError),
    /// A recording could not be shrunk.
    #[error(transparent)]
    Shrink(#[from] ShrinkError),
    /// A file could not be read or written.
    #[error("could not {action} {path}: {source}{}", advice(action, source))]
    File {
        /// `read`, `write`, `create`…
        action: &'static str,
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// An address could not be listened on.
    #[error(
        "could not listen on {address} for {service}: {source}; name another with --{flag}, 0 for any free one"
    )]
    Listen {
        /// Address and port.
        address: String,
        /// The service's name.
        service: &'static str,
        /// The flag that changes the port.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// An address of the proxy could not be listened on.
    #[error("could not listen on {address}: {source}; name another with --listen, port 0 for any free one")]
    ListenProxy {
        /// Address and port.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// `--listen`, `--to` and `--name` don't go together.
    #[error(
        "{listen} --listen, {to} --to and {name} --name were given; each --listen has one --to, and all have a --name or none"
    )]
    Pairs {
        /// How many.
        listen: usize,
        /// How many.
        to: usize,
        /// How many.
        name: usize,
    },
    /// Two listeners of one name could not be told apart in the recording.
    #[error("two listeners are called {name}; give each a --name of its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// Somebody to trust, and nobody to ask who they are.
    #[error(
        "--ca is for services behind TLS, and no --to is https:// or wss://; leave it out, or correct --to"
    )]
    NoTls,
    /// Services behind TLS can't be spoken with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No frame in the whole input.
    #[error("{path} is not a GNSS stream: no NMEA, UBX or RTCM 3 frame in its {bytes} bytes")]
    NotGnss {
        /// File or `standard input`.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// RINEX can't be made of a capture.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The monitor has nothing to watch.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// `--gnss` names no source.
    #[error(transparent)]
    Spec(#[from] rtk_reader::source::SpecError),
    /// `--gnss scenario:…` can't be read.
    #[error(transparent)]
    Scenario(#[from] fixtures::ScenarioError),
    /// `--allow-origin` is no origin.
    #[error(transparent)]
    Origin(#[from] kit::origin::OriginError),
    /// The caster's settings.
    #[error(transparent)]
    Caster(#[from] crate::caster::CasterError),
    /// dispatch's database can't be used.
    #[error("{}", .0.chain())]
    Database(#[from] dispatch::store::StoreError),
    /// A receiver could not be set up.
    #[error("{0}")]
    Configure(#[from] ConfigureError),
    /// There is no virtual receiver.
    #[cfg(unix)]
    #[error(transparent)]
    Twin(#[from] hil::twin::TwinError),
    /// The feed's far end said no.
    #[error("{0}")]
    Feed(#[from] FeedError),
    /// A service's task panicked: a defect of ours.
    #[error("{service} failed and the depot has stopped: {source}; please report this with the log above")]
    Service {
        /// The service's name.
        service: &'static str,
        /// The panic.
        source: tokio::task::JoinError,
    },
    /// The asynchronous runtime or another part of the machine failed.
    #[error("could not start: {0}")]
    Start(std::io::Error),
}

impl Error {
    /// Shorthand for [`Error::File`].
    pub fn file(
        action: &'static str,
        path: impl AsRef<std::path::Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { action, path: path.as_ref().display().to_string(), source }
    }

    /// See [`EXIT_CODES`].
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(error) if !error.use_stderr() => 0,
            Self::Usage(_) | Self::Settings(_) | Self::Spec(_) | Self::Scenario(_) | Self::Origin(_) => 2,
            Self::Feed(FeedError::Url { .. }) | Self::Monitor(_) | Self::Rules(_) | Self::Caster(_) => 2,
            Self::NotInCi { .. } | Self::NoTerminal { .. } | Self::Pairs { .. } | Self::SameName { .. } => 2,
            Self::NoTls
            | Self::EmptyWindow
            | Self::Tls(TlsError::Ca { .. })
            | Self::Update(UpdateError::Parts { .. }) => 2,
            Self::Tls(_) => 1,
            Self::Update(UpdateError::Lossy { .. }) => 3,
            Self::Update(UpdateError::NotRepeatable { .. }) => 6,
            Self::Update(UpdateError::Replay(error)) => error.exit_code(),
            Self::Update(_) | Self::Review(_) => 1,
            Self::Select(replay::select::SelectError::Io { .. }) => 1,
            Self::Select(_) => 2,
            Self::NothingSelected => 4,
            Self::Convert(error) => error.code(),
            Self::File { action: "read", source, .. } => match source.kind() {
                ErrorKind::NotFound => 4,
                ErrorKind::PermissionDenied => 5,
                _ => 1,
            },
            Self::File { .. }
            | Self::Listen { .. }
            | Self::ListenProxy { .. }
            | Self::Service { .. }
            | Self::Start(_)
            | Self::Feed(_)
            | Self::Database(_)
            | Self::Record(_)
            | Self::Recording(_)
            | Self::Play(replay::play::PlayError::Io { .. } | replay::play::PlayError::Build(_)) => 1,
            Self::Play(replay::play::PlayError::MidLife { .. }) => 3,
            Self::NotGnss { .. } | Self::Play(replay::play::PlayError::Nothing { .. }) => 9,
            Self::Configure(error) => error.code(),
            Self::Source(error) => source_code(error),
            #[cfg(unix)]
            Self::Bench(error) => bench_code(error),
            Self::Replay(error) => error.exit_code(),
            Self::Session(error) => tool_code(error),
            Self::Shrink(ShrinkError::Replay(error)) => error.exit_code(),
            Self::Shrink(ShrinkError::Passes { .. }) => 4,
            Self::Shrink(_) => 1,
            Self::Wire(error) => error.exit_code(),
            #[cfg(unix)]
            Self::Twin(_) => 1,
        }
    }

    /// Prints itself where a person looks, and gives the exit code.
    pub fn tell(&self) -> ExitCode {
        match self {
            // Colours, and standard output for --help.
            Self::Usage(error) => drop(error.print()),
            // Nobody may be left to read them.
            _ => drop(writeln!(std::io::stderr(), "depot: {self}")),
        }
        ExitCode::from(self.code())
    }
}

/// What to do, where that is known.
fn advice(action: &str, error: &std::io::Error) -> &'static str {
    match (action, error.kind()) {
        (_, ErrorKind::AlreadyExists) => "; choose another name, or move it away first",
        ("read", ErrorKind::NotFound) => "; check its name",
        ("read", ErrorKind::PermissionDenied) => "; ask its owner for the right to read it",
        ("create" | "replace", _) => "; choose a folder that exists and can be written",
        _ => "",
    }
}

fn tool_code(error: &ToolError) -> u8 {
    match error {
        ToolError::Open(error) => open_code(error),
        ToolError::Read { source, .. } => read_code(source),
        ToolError::Exists { .. }
        | ToolError::Input { .. }
        | ToolError::NotASeries { .. }
        | ToolError::Stream { .. } => 2,
        ToolError::EmptyFolder { .. } | ToolError::Nothing { .. } => 4,
        ToolError::Line { .. } | ToolError::Har { .. } => 9,
        ToolError::Write { .. } | ToolError::Event { .. } => 1,
    }
}

#[cfg(unix)]
fn bench_code(error: &hil::bench::BenchError) -> u8 {
    use hil::bench::BenchError;
    match error {
        BenchError::Limits(_)
        | BenchError::Map(_)
        | BenchError::UnknownCase { .. }
        | BenchError::NotEmpty { .. } => 2,
        BenchError::Source(error) => source_code(error),
        BenchError::Held { .. } => 7,
        BenchError::NotARecord { .. } => 9,
        BenchError::File { doing: "read", source, .. } => read_code(source),
        _ => 1,
    }
}

fn read_code(error: &std::io::Error) -> u8 {
    match error.kind() {
        ErrorKind::NotFound => 4,
        ErrorKind::PermissionDenied => 5,
        _ => 1,
    }
}

fn open_code(error: &replay::session::OpenError) -> u8 {
    use replay::session::OpenError;
    match error {
        OpenError::Io { source, .. } => read_code(source),
        OpenError::NotMcap { .. } | OpenError::NotASession { .. } => 9,
        OpenError::Newer { .. } => 10,
        OpenError::Nothing { .. } => 3,
    }
}

fn source_code(error: &rtk_reader::source::SourceError) -> u8 {
    use rtk_reader::source::{ErrorKind, SourceError};
    match error.kind() {
        ErrorKind::NotFound => 4,
        ErrorKind::Permission => 5,
        ErrorKind::Held => 7,
        ErrorKind::NotGnss if matches!(error, SourceError::WrongBaud { .. }) => 8,
        ErrorKind::NotGnss => 9,
        ErrorKind::NewerFormat => 10,
        ErrorKind::Damaged => 3,
        ErrorKind::Io => 1,
    }
}
