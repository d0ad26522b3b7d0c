//! `depot hil map`: who is plugged in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hil::bench::BenchError;
use hil::bench::map::{Found, update};
use hil::bench::stage::who_is_on;
use rtk_reader::source::{Port, SourceError, default_lock_dirs, ports};

use crate::cli::HilMap;
use crate::commands::gnss::print;
use crate::error::Error;

/// Asks each receiver who it is, and writes it down. One that doesn't answer keeps no other from being written.
pub async fn run(args: HilMap) -> Result<ExitCode, Error> {
    let asked = if args.ports.is_empty() { receivers()? } else { args.ports };
    let (mut found, mut failed) = (Vec::new(), None);
    for port in asked {
        match who_is_on(&port).await {
            Ok(receiver) => match receiver.chip_id {
                Some(chip_id) => {
                    print(&format!(
                        "{}: {} {} ({chip_id})\n",
                        port.display(),
                        receiver.model,
                        receiver.firmware
                    ))?;
                    found.push(Found { chip_id, port, model: receiver.model, firmware: receiver.firmware });
                }
                None => print(&format!("{}: it doesn't say its chip's number\n", port.display()))?,
            },
            Err(error) => {
                print(&format!("{}: {error}\n", port.display()))?;
                failed.get_or_insert(error);
            }
        }
    }
    if !found.is_empty() {
        update(&args.map, &found).map_err(BenchError::from)?;
        print(&format!("written to {}: say there what its place offers\n", args.map.display()))?;
    }
    failed.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}

/// All u-blox on USB, by names that stay.
fn receivers() -> Result<Vec<PathBuf>, Error> {
    let (receivers, others): (Vec<Port>, Vec<Port>) =
        ports(Path::new("/"), &default_lock_dirs()).into_iter().partition(Port::is_ublox);
    if receivers.is_empty() {
        let names = others.iter().map(Port::name).collect();
        return Err(SourceError::NoReceiver { names }.into());
    }
    Ok(receivers.iter().map(|port| PathBuf::from(port.name())).collect())
}
