//! The arguments of `record`.

use std::path::PathBuf;

use clap::Args;

use super::parse_duration;
use crate::error::EXIT_CODES;

/// `record`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct RecordProxy {
    /// Address and port to listen on, port 0 for any free one; again for more, each with its --to
    #[arg(long, required = true, value_name = "ADDR:PORT")]
    pub listen: Vec<std::net::SocketAddr>,
    /// Where the --listen of the same place forwards to: http://HOST:PORT, ws://HOST:PORT (the same), https://HOST or
    /// wss://HOST over TLS, with a path that goes before each request's, or tcp://HOST:PORT for any other protocol
    #[arg(long, required = true, value_name = "URL")]
    pub to: Vec<replay::proxy::Target>,
    /// PEM file of an authority, or of a service's own certificate, to trust besides those that the system trusts;
    /// again for more
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
    /// What the --listen of the same place is called in the recording; HOST:PORT of its --to when left out
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub name: Vec<String>,
    /// The MCAP file to write; one of that name is moved aside first
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Header or query parameter that is recorded as it is, though it is known to hold secrets; again for more
    #[arg(long, env = "DEPOT_UNMASK", value_delimiter = ',', value_name = "NAME")]
    pub unmask: Vec<String>,
    /// Record secrets as they are; the file is then one itself
    #[arg(long, env = "DEPOT_NO_MASK", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_mask: bool,
    /// Let clients and services agree on WebSocket extensions: compressed messages are then recorded compressed.
    /// By default the offer isn't passed on
    #[arg(long, env = "DEPOT_KEEP_EXTENSIONS", value_parser = clap::builder::BoolishValueParser::new())]
    pub keep_extensions: bool,
    /// End after so long, as 30s, 5m or 1h; on Ctrl-C otherwise
    #[arg(long = "for", value_parser = parse_duration, value_name = "TIME")]
    pub for_: Option<std::time::Duration>,
    /// Connections at one time; more wait until one ends
    #[arg(long, env = "DEPOT_PROXY_CONNECTIONS", default_value_t = 1024, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit_connections: u32,
    /// Seconds a service may take to accept a connection; then the client is answered 504
    #[arg(long, env = "DEPOT_CONNECT_S", default_value_t = 10, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub limit_connect_s: u64,
    /// Seconds of silence before an answer begins; then the client is answered 504
    #[arg(long, env = "DEPOT_ANSWER_S", default_value_t = 60, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub limit_answer_s: u64,
    /// Seconds that exchanges under way have at shutdown
    #[arg(long, env = "DEPOT_SHUTDOWN_S", default_value_t = 5, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub shutdown_s: u64,
    /// Write this file when all listen: their addresses, as JSON
    #[arg(long, env = "DEPOT_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

fn parse_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) || text == "depot" {
        return Err("a name is up to 64 letters, digits, and .-_: but not depot".into());
    }
    Ok(text.to_owned())
}
