//! `depot gnss ports`: what is plugged in.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use rtk_reader::source::{Port, default_lock_dirs, ports};

use super::print;
use crate::cli::Ports;
use crate::error::Error;

/// Lists the serial ports, receivers marked.
pub fn run(args: &Ports) -> Result<ExitCode, Error> {
    let ports = ports(Path::new("/"), &default_lock_dirs());
    let text = if args.json {
        // Paths and strings: it can't fail.
        serde_json::to_string_pretty(&ports).unwrap_or_default() + "\n"
    } else if ports.is_empty() {
        "no serial ports; is the receiver plugged in, with a cable that carries data?\n".to_string()
    } else {
        ports.iter().map(line).collect()
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn line(port: &Port) -> String {
    let mut text = format!("{}{}", if port.is_ublox() { "* " } else { "  " }, port.path.display());
    // Writing to a String can't fail.
    if let Some(usb) = &port.usb {
        let _ = write!(
            text,
            "  {:04x}:{:04x} {} {}",
            usb.vendor_id, usb.product_id, usb.manufacturer, usb.product
        );
    }
    if let Some(by_id) = &port.by_id {
        let _ = write!(text, "  {}", by_id.display());
    }
    if let Some(holder) = &port.holder {
        let _ = write!(text, "  (held by {holder})");
    }
    text + "\n"
}
