//! What is plugged in, in a directory that plays `/`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use rtk_reader::source::{Port, PortLock, SourceError, Spec, ports};

use super::common;

/// A machine's `/sys` and `/dev`, as far as ports are concerned.
pub struct Machine {
    pub dir: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["sys/class/tty", "dev/serial/by-id", "proc"] {
            fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        Self { dir }
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// `at` is where on the bus, `id` vendor and product.
    pub fn plug(
        &self,
        tty: &str,
        at: &str,
        id: (&str, &str),
        serial: Option<&str>,
        device: &Path,
    ) -> PathBuf {
        let usb = self.root().join("sys/devices/usb1").join(at);
        let interface = usb.join(format!("{at}:1.0"));
        fs::create_dir_all(&interface).unwrap();
        fs::write(usb.join("idVendor"), format!("{}\n", id.0)).unwrap();
        fs::write(usb.join("idProduct"), format!("{}\n", id.1)).unwrap();
        fs::write(usb.join("manufacturer"), "u-blox AG - www.u-blox.com\n").unwrap();
        fs::write(usb.join("product"), "u-blox GNSS receiver\n").unwrap();
        if let Some(serial) = serial {
            fs::write(usb.join("serial"), serial).unwrap();
        }
        fs::write(interface.join("bInterfaceNumber"), "00\n").unwrap();
        let class = self.root().join("sys/class/tty").join(tty);
        fs::create_dir_all(&class).unwrap();
        symlink(&interface, class.join("device")).unwrap();
        let path = self.root().join("dev").join(tty);
        symlink(device, &path).unwrap();
        path
    }

    pub fn unplug(&self, tty: &str, at: &str) {
        fs::remove_file(self.root().join("dev").join(tty)).unwrap();
        fs::remove_dir_all(self.root().join("sys/class/tty").join(tty)).unwrap();
        fs::remove_dir_all(self.root().join("sys/devices/usb1").join(at)).unwrap();
    }

    pub fn by_id(&self, name: &str, tty: &str) -> PathBuf {
        let link = self.root().join("dev/serial/by-id").join(name);
        let _ = fs::remove_file(&link);
        symlink(format!("../../{tty}"), &link).unwrap();
        link
    }

    /// A file where a device would be; nobody opens it.
    pub fn device(&self, name: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, "").unwrap();
        path
    }

    fn ports(&self) -> Vec<Port> {
        ports(self.root(), &[self.root().to_owned()])
    }

    async fn auto(&self) -> SourceError {
        common::start(Spec::Auto, common::options(self.root())).error().await
    }
}

#[tokio::test]
async fn two_receivers_are_listed_and_neither_is_guessed() {
    let machine = Machine::new();
    machine.plug("ttyACM10", "1-2", ("1546", "01a9"), None, &machine.device("b"));
    machine.plug("ttyACM2", "1-1", ("1546", "01a8"), None, &machine.device("a"));
    let by_id = machine.by_id("usb-u-blox_AG_C099__ZED-F9P_DBTMNHXE-if00-port0", "ttyACM10");
    let SourceError::SeveralReceivers { names } = machine.auto().await else { panic!("expected several") };
    assert_eq!(
        names,
        [machine.root().join("dev/ttyACM2").display().to_string(), by_id.display().to_string()]
    );
}

#[tokio::test]
async fn a_receiver_with_two_ports_is_one_receiver() {
    let machine = Machine::new();
    let device = machine.device("a");
    machine.plug("ttyACM1", "1-1", ("1546", "01ab"), None, &device);
    // Its second interface, enumerated first.
    let second = machine.root().join("sys/devices/usb1/1-1/1-1:1.2");
    let class = machine.root().join("sys/class/tty/ttyACM0");
    fs::create_dir_all(&second).unwrap();
    fs::create_dir_all(&class).unwrap();
    fs::write(second.join("bInterfaceNumber"), "02\n").unwrap();
    symlink(&second, class.join("device")).unwrap();
    symlink(machine.device("b"), machine.root().join("dev/ttyACM0")).unwrap();
    // A file isn't a port; that it is the first interface's is what counts.
    let text = machine.auto().await.to_string();
    assert!(text.contains(&format!("can't open as a serial port {}", device.display())), "{text}");
}

#[tokio::test]
async fn no_receiver_is_told_with_what_is_there_instead() {
    let machine = Machine::new();
    let text = machine.auto().await.to_string();
    assert_eq!(text, "no u-blox receiver on USB: plug it in, or name its port");
    let arduino = machine.plug("ttyACM0", "1-1", ("2341", "0043"), None, &machine.device("a"));
    let text = machine.auto().await.to_string();
    assert!(text.contains(&format!("(found: {})", arduino.display())), "{text}");
}

#[test]
fn a_port_is_listed_with_all_that_is_known_of_it() {
    let machine = Machine::new();
    let device = machine.device("a");
    let path = machine.plug("ttyACM0", "1-1.2", ("1546", "01a9"), Some("DBTM\n"), &device);
    let by_id = machine.by_id("usb-u-blox_AG_-_www.u-blox.com_u-blox_GNSS_receiver-if00", "ttyACM0");
    // A socket without a chip, a chip, and a console.
    for (tty, chip) in [("ttyS0", Some("0")), ("ttyAMA0", Some("32")), ("tty1", None)] {
        let class = machine.root().join("sys/class/tty").join(tty);
        fs::create_dir_all(&class).unwrap();
        fs::write(machine.root().join("dev").join(tty), "").unwrap();
        if let Some(chip) = chip {
            fs::create_dir_all(class.join("device")).unwrap();
            fs::write(class.join("type"), chip).unwrap();
        }
    }
    let found = machine.ports();
    assert_eq!(found.len(), 2, "{found:?}");
    let (receiver, uart) = (&found[0], &found[1]);
    assert_eq!((&receiver.path, &receiver.by_id), (&path, &Some(by_id)));
    assert!(receiver.is_ublox() && receiver.holder.is_none());
    let usb = receiver.usb.as_ref().unwrap();
    assert_eq!((usb.vendor_id, usb.product_id, usb.location.as_str()), (0x1546, 0x01a9, "1-1.2"));
    assert_eq!((usb.product.as_str(), usb.serial.as_deref()), ("u-blox GNSS receiver", Some("DBTM")));
    assert_eq!((uart.path.clone(), uart.usb.is_none()), (machine.root().join("dev/ttyAMA0"), true));

    let lock = PortLock::take(&[machine.root().to_owned()], &device, "other", common::clock()()).unwrap();
    let holder = machine.ports()[0].holder.clone().expect("held");
    assert_eq!((holder.program.as_str(), holder.pid), ("other", std::process::id()));
    drop(lock);
    assert_eq!(machine.ports()[0].holder, None);
}

#[test]
fn a_machine_without_ports_has_none() {
    assert_eq!(ports(Path::new("/no/such/root"), &[]), []);
}
