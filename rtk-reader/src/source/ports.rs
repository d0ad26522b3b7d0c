//! What is plugged in.
//!
//! Read from Linux's `/sys/class/tty` and `/dev/serial/by-id` directly: needs no libudev, and a test can
//! hand in a directory of its own as `/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{SourceError, error::Remedy, lock, lock::Holder};

/// u-blox AG's USB vendor id.
pub const UBLOX_VENDOR_ID: u16 = 0x1546;

/// Ports looked at; a machine with more has the rest ignored.
pub const MAX_PORTS: usize = 256;

/// Directories between a tty and its USB device; deeper ones aren't searched.
const MAX_DEPTH: usize = 8;

/// A serial port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// `/dev/ttyACM0`: may be another one after the next plugging in.
    pub path: PathBuf,
    /// `/dev/serial/by-id/…`: stays the same.
    pub by_id: Option<PathBuf>,
    /// What USB says of it; none for a port that isn't on USB.
    pub usb: Option<Usb>,
    /// Who has it open, as far as can be told.
    pub holder: Option<Holder>,
}

/// A USB device as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Usb {
    /// 0x1546 is u-blox.
    pub vendor_id: u16,
    /// 0x01a9 is a ZED-F9P.
    pub product_id: u16,
    /// Empty if it doesn't say.
    pub manufacturer: String,
    /// Empty if it doesn't say.
    pub product: String,
    /// A u-blox usually has none.
    pub serial: Option<String>,
    /// Which of the device's interfaces; a device with several ports has several.
    pub interface: u8,
    /// Where it is plugged in: `1-1.2` is bus 1, port 2 of the hub at port 1.
    pub location: String,
}

impl Usb {
    /// The same device on its return: a receiver without a serial number is told by its kind.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.vendor_id, self.product_id, &self.serial, self.interface)
            == (other.vendor_id, other.product_id, &other.serial, other.interface)
    }
}

impl Port {
    /// Whether it is a u-blox on USB.
    #[must_use]
    pub fn is_ublox(&self) -> bool {
        self.usb.as_ref().is_some_and(|usb| usb.vendor_id == UBLOX_VENDOR_ID)
    }

    /// The path that stays, or the one there is.
    #[must_use]
    pub fn name(&self) -> String {
        self.by_id.as_ref().unwrap_or(&self.path).display().to_string()
    }
}

/// Every serial port under `root` (`/`), in the order of their names, with its holder where one of
/// `lock_dirs` or `/proc` names it.
#[must_use]
pub fn ports(root: &Path, lock_dirs: &[PathBuf]) -> Vec<Port> {
    let mut ports = plugged_in(root);
    for port in &mut ports {
        if let Ok(device) = fs::canonicalize(&port.path) {
            port.holder = lock::holder(lock_dirs, &device).or_else(|| opener(root, &device));
        }
    }
    ports
}

/// [`ports`] without their holders.
pub(super) fn plugged_in(root: &Path) -> Vec<Port> {
    let by_id = by_id_links(root);
    let mut names: Vec<_> = entries(&root.join("sys/class/tty")).take(MAX_PORTS).collect();
    // By length first: ttyACM2 stands before ttyACM10.
    names.sort_by_key(|tty| (tty.as_os_str().len(), tty.clone()));
    names.iter().filter_map(|tty| port(root, tty, &by_id)).collect()
}

/// The one u-blox.
pub(super) fn the_receiver(root: &Path) -> Result<Port, SourceError> {
    let (mut receivers, others): (Vec<_>, Vec<_>) = plugged_in(root).into_iter().partition(Port::is_ublox);
    // One receiver may have several ports: its first is the one that talks.
    receivers.sort_by_key(|port| port.usb.as_ref().map(|usb| (usb.location.clone(), usb.interface)));
    receivers.dedup_by_key(|port| port.usb.as_ref().map(|usb| usb.location.clone()));
    let names = |ports: &[Port]| ports.iter().map(Port::name).collect();
    match <[Port; 1]>::try_from(receivers) {
        Ok([port]) => Ok(port),
        Err(none) if none.is_empty() => Err(SourceError::NoReceiver { names: names(&others) }),
        Err(several) => Err(SourceError::SeveralReceivers { names: names(&several) }),
    }
}

/// The port behind a path of whatever name.
pub(super) fn port_at(root: &Path, path: &Path) -> Option<Port> {
    let device = fs::canonicalize(path).ok()?;
    plugged_in(root).into_iter().find(|port| fs::canonicalize(&port.path).is_ok_and(|other| other == device))
}

/// Another process that has the device open, whether or not it knows of our lock file.
pub(super) fn opener(root: &Path, device: &Path) -> Option<Holder> {
    let ourselves = std::process::id();
    entries(&root.join("proc")).find_map(|process| {
        let pid: u32 = process.file_name()?.to_str()?.parse().ok()?;
        if pid == ourselves || !entries(&process.join("fd")).any(|fd| is_link_to(&fd, device)) {
            return None;
        }
        let program = fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned();
        Some(Holder { program, pid, since_unix_ms: None })
    })
}

/// What lets the user open a device.
#[cfg(unix)]
pub(super) fn remedy(root: &Path, device: &Path) -> Remedy {
    use std::os::unix::fs::MetadataExt;
    const GROUP_READ_WRITE: u32 = 0o060;
    let group = fs::metadata(device)
        .ok()
        .filter(|meta| meta.mode() & GROUP_READ_WRITE == GROUP_READ_WRITE && meta.gid() != 0)
        .and_then(|meta| group_name(root, meta.gid()));
    group.map_or(Remedy::AskOwner, Remedy::JoinGroup)
}

#[cfg(not(unix))]
pub(super) fn remedy(_: &Path, _: &Path) -> Remedy {
    Remedy::AskOwner
}

#[cfg(unix)]
fn group_name(root: &Path, gid: u32) -> Option<String> {
    let groups = fs::read_to_string(root.join("etc/group")).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

fn port(root: &Path, tty: &Path, by_id: &[(PathBuf, PathBuf)]) -> Option<Port> {
    // Consoles and pseudo-terminals have no device.
    let device = fs::canonicalize(tty.join("device")).ok()?;
    // The 8250 driver lists sockets without a chip: type 0.
    if read(&tty.join("type")).is_some_and(|chip| chip == "0") {
        return None;
    }
    let path = root.join("dev").join(tty.file_name()?);
    let canonical = fs::canonicalize(&path).ok()?;
    let by_id = by_id.iter().find(|(_, target)| *target == canonical).map(|(link, _)| link.clone());
    Some(Port { path, by_id, usb: usb(&device), holder: None })
}

/// Walks up from the tty's device: first comes the interface, then the USB device.
fn usb(device: &Path) -> Option<Usb> {
    let hex = |text: String| u16::from_str_radix(&text, 16).ok();
    let mut interface = 0;
    for dir in device.ancestors().take(MAX_DEPTH) {
        if let Some(number) = read(&dir.join("bInterfaceNumber")) {
            interface = u8::from_str_radix(&number, 16).unwrap_or_default();
        }
        if let Some(vendor_id) = read(&dir.join("idVendor")).and_then(hex) {
            return Some(Usb {
                vendor_id,
                product_id: read(&dir.join("idProduct")).and_then(hex).unwrap_or_default(),
                manufacturer: read(&dir.join("manufacturer")).unwrap_or_default(),
                product: read(&dir.join("product")).unwrap_or_default(),
                serial: read(&dir.join("serial")),
                interface,
                location: dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            });
        }
    }
    None
}

/// Links of `/dev/serial/by-id` and what they lead to.
fn by_id_links(root: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut links: Vec<_> = entries(&root.join("dev/serial/by-id"))
        .take(MAX_PORTS)
        .filter_map(|link| fs::canonicalize(&link).ok().map(|target| (link, target)))
        .collect();
    links.sort();
    links
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

fn is_link_to(link: &Path, target: &Path) -> bool {
    fs::read_link(link).is_ok_and(|to| to == target)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    use super::*;

    #[test]
    fn the_group_to_join_is_named_where_joining_helps() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let device = root.path().join("ttyACM0");
        fs::write(&device, "").unwrap();
        // Root can give the file to a group; anyone else's is of their own.
        let _ = chown(&device, None, Some(20));
        let gid = fs::metadata(&device).unwrap().gid();
        fs::write(root.path().join("etc/group"), format!("root:x:0:\nhmm\ndialout:x:{gid}:pi\n")).unwrap();
        for (mode, expected) in [
            (0o660, Remedy::JoinGroup("dialout".to_owned())),
            (0o620, Remedy::AskOwner),
            (0o600, Remedy::AskOwner),
        ] {
            fs::set_permissions(&device, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(remedy(root.path(), &device), expected, "{mode:o}");
        }
        assert_eq!(
            SourceError::PermissionDenied {
                path: device.clone(),
                remedy: Remedy::JoinGroup("dialout".into())
            }
            .to_string(),
            format!(
                "no permission to open {}: join the group `dialout` with `sudo usermod -aG dialout $USER`, then log out and in again",
                device.display()
            )
        );
    }
}
