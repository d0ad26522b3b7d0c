//! Settings: a flag, else its environment variable, else the key of its name in the `--config` file, else
//! its default. clap does all parsing, so a value is checked the same wherever it comes from: the file's
//! values are handed to it as defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};

use crate::cli::Cli;
use crate::error::Error;

/// The parsed command line, and where its values come from.
pub struct Loaded {
    /// What to do.
    pub cli: Cli,
    /// The settings of the program and of the chosen subcommand.
    pub origins: Vec<Setting>,
}

/// One setting in force.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The flag's name, which is the file's key.
    pub name: String,
    /// Its value, or none.
    pub value: Option<String>,
    /// Where it comes from: `flag`, `environment DEPOT_X`, `file PATH`, `default`.
    pub origin: String,
}

/// What can be wrong with the configuration file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It can't be read.
    #[error("could not read the configuration {path}: {source}; check --config or DEPOT_CONFIG")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It isn't TOML.
    #[error("the configuration {path} is not TOML: {message}")]
    Syntax {
        /// Which file.
        path: String,
        /// What the parser says.
        message: String,
    },
    /// It has a key that isn't a setting.
    #[error("the configuration {path} has an unknown key {key}; {hint}")]
    UnknownKey {
        /// Which file.
        path: String,
        /// The key.
        key: String,
        /// The key that was probably meant, or all there are.
        hint: String,
    },
    /// It has a value of a kind no setting takes.
    #[error(
        "the configuration {path} has a {found} under {key}; a string, number, boolean or list of strings belongs there"
    )]
    Kind {
        /// Which file.
        path: String,
        /// The key.
        key: String,
        /// TOML's name of what was found.
        found: &'static str,
    },
    /// clap refuses a value of the file.
    #[error("the configuration {path} has a value that can't be used: {message}")]
    Value {
        /// Which file.
        path: String,
        /// clap's words.
        message: String,
    },
}

/// Parses the command line over the environment over the configuration file.
pub fn load(args: impl IntoIterator<Item = OsString>) -> Result<Loaded, Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let command = command();
    let file = match config_path(&command, &args) {
        Some(path) => Some((path.clone(), read_file(&path, &known_keys(&command))?)),
        None => None,
    };
    let command = match &file {
        Some((_, values)) => with_defaults(command, values),
        None => command,
    };
    let matches =
        command.clone().try_get_matches_from(&args).map_err(|error| in_file(error, &file, &args))?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok(Loaded { origins: origins(&command, &matches, file.as_ref()), cli })
}

/// The whole command line. A demonstration needs no receiver, its source is made up where none is named; and
/// it leaves no tasks behind.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("demo", |demo| {
        demo.mut_arg("gnss", |gnss| gnss.default_value("scenario"))
            .mut_arg("database", |database| database.default_value("sqlite::memory:"))
    })
}

type Values = BTreeMap<String, Vec<String>>;

/// `--config` or DEPOT_CONFIG, found before the rest is parsed: what the file says decides how to parse it.
fn config_path(command: &clap::Command, args: &[OsString]) -> Option<PathBuf> {
    let lenient = command.clone().ignore_errors(true).try_get_matches_from(args).ok()?;
    let mut deepest = &lenient;
    loop {
        if let Some(path) = deepest.try_get_one::<PathBuf>("config").ok().flatten() {
            return Some(path.clone());
        }
        deepest = deepest.subcommand()?.1;
    }
}

/// Every long flag that has an environment variable, of any subcommand, but `--config` itself.
fn known_keys(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter(|arg| arg.get_env().is_some());
    let mut keys: BTreeSet<String> = own.filter_map(|arg| arg.get_long()).map(String::from).collect();
    for sub in command.get_subcommands() {
        keys.extend(known_keys(sub));
    }
    keys.remove("config");
    keys
}

fn read_file(path: &Path, known: &BTreeSet<String>) -> Result<Values, SettingsError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Read { path: shown.clone(), source })?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Syntax {
        path: shown.clone(),
        message: error.to_string(),
    })?;
    let mut values = Values::new();
    for (key, value) in table {
        if !known.contains(&key) {
            return Err(SettingsError::UnknownKey { path: shown, hint: hint(&key, known), key });
        }
        let texts = texts(&value).ok_or_else(|| SettingsError::Kind {
            path: shown.clone(),
            key: key.clone(),
            found: value.type_str(),
        })?;
        values.insert(key, texts);
    }
    Ok(values)
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text.clone()]),
        toml::Value::Integer(number) => Some(vec![number.to_string()]),
        toml::Value::Float(number) => Some(vec![number.to_string()]),
        toml::Value::Boolean(yes) => Some(vec![yes.to_string()]),
        toml::Value::Array(list) => list.iter().map(|item| item.as_str().map(String::from)).collect(),
        _ => None,
    }
}

/// The known key that differs least, if it differs little.
fn hint(key: &str, known: &BTreeSet<String>) -> String {
    let key = key.replace('_', "-").to_lowercase();
    let shared = |name: &str| name.chars().zip(key.chars()).take_while(|(a, b)| a == b).count();
    match known.iter().max_by_key(|name| (shared(name), usize::MAX - name.len().abs_diff(key.len()))) {
        Some(name) if shared(name) >= 3 => format!("did you mean {name}?"),
        _ => format!("the keys are {}", known.iter().cloned().collect::<Vec<_>>().join(", ")),
    }
}

fn with_defaults(command: clap::Command, values: &Values) -> clap::Command {
    let command = command.mut_args(|arg| match arg.get_long().and_then(|name| values.get(name)) {
        Some(texts) => arg.default_values(texts.clone()),
        None => arg,
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_string()).collect();
    names.iter().fold(command, |command, name| command.mut_subcommand(name, |sub| with_defaults(sub, values)))
}

/// A value error of a setting that the command line doesn't name is the file's.
fn in_file(error: clap::Error, file: &Option<(PathBuf, Values)>, args: &[OsString]) -> Error {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg.split_whitespace().next().unwrap_or_default().to_string(),
        _ => return error.into(),
    };
    let value_error = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    let on_line = args.iter().any(|arg| arg.to_string_lossy().starts_with(&flag));
    match file {
        Some((path, values))
            if value_error && !on_line && values.contains_key(flag.trim_start_matches('-')) =>
        {
            let rendered = error.render().to_string();
            let message =
                rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
            SettingsError::Value { path: path.display().to_string(), message }.into()
        }
        _ => error.into(),
    }
}

/// The settings of the program and of the subcommand that was chosen, in the order `--help` lists them.
fn origins(command: &clap::Command, matches: &ArgMatches, file: Option<&(PathBuf, Values)>) -> Vec<Setting> {
    let own = command.get_arguments().filter(|arg| arg.get_env().is_some() && arg.get_id() != "config");
    let mut settings: Vec<Setting> =
        own.filter_map(|arg| Some(setting(arg.get_long()?, arg, matches, file))).collect();
    if let Some((name, sub)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        settings.extend(origins(command, sub, file));
    }
    settings
}

fn setting(name: &str, arg: &clap::Arg, matches: &ArgMatches, file: Option<&(PathBuf, Values)>) -> Setting {
    let id = arg.get_id().as_str();
    let value = matches
        .get_raw(id)
        .map(|raw| raw.map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(","));
    let origin = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "flag".to_string(),
        Some(ValueSource::EnvVariable) => {
            format!("environment {}", arg.get_env().unwrap_or_default().to_string_lossy())
        }
        _ => match file {
            Some((path, values)) if values.contains_key(name) => format!("file {}", path.display()),
            _ => "default".to_string(),
        },
    };
    Setting { name: name.to_string(), value, origin }
}
