//! A pseudo-terminal: the twin holds its master, a client opens its other end by name.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

/// Read at once.
const READ_BYTES: usize = 4_096;

/// A pseudo-terminal's master; dropped, its client reads no more.
#[derive(Debug)]
pub(super) struct Pty {
    master: OwnedFd,
    path: PathBuf,
}

impl Pty {
    /// Raw before anybody learns its name: a fresh one echoes.
    pub fn open() -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let path = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        rustix::io::ioctl_fionbio(&master, true)?;
        let pty = Self { master, path };
        // Opened and closed once, it tells that nobody has it open.
        pty.forget_unread()?;
        Ok(pty)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn fd(&self) -> impl AsFd {
        self.master.as_fd()
    }

    /// What the client has set, bits per second.
    pub fn client_baud(&self) -> io::Result<u32> {
        Ok(tcgetattr(&self.master)?.output_speed())
    }

    /// Somebody has it open.
    pub fn is_open(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default()))?;
        Ok(!fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP)))
    }

    /// What fits is written, the number of its bytes returned.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match rustix::io::write(&self.master, rest) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }

    /// What the client has written; empty if nothing.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; READ_BYTES];
        match rustix::io::read(&self.master, &mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                Ok(buffer)
            }
            // The client has gone.
            Err(Errno::AGAIN | Errno::INTR | Errno::IO) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// What a client left unread, the next doesn't read: a port that nobody has open keeps nothing.
    pub fn forget_unread(&self) -> io::Result<()> {
        let client = self.open_other_end()?;
        tcflush(&client, QueueSelector::IFlush)?;
        let mut settings = tcgetattr(&client)?;
        settings.make_raw();
        tcsetattr(&client, OptionalActions::Now, &settings)?;
        Ok(())
    }

    /// Bytes that the client hasn't read.
    pub fn unread_bytes(&self) -> io::Result<u64> {
        Ok(rustix::io::ioctl_fionread(self.open_other_end()?)?)
    }

    fn open_other_end(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(rustix::fs::open(&self.path, flags, Mode::empty())?)
    }
}
