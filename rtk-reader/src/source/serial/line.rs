//! A port for a conversation: found, held and at the right speed like a source's, then read and written by whoever
//! asked for it. It is not reopened.

use std::{io, path::PathBuf, time::Duration};

use tokio::io::AsyncWriteExt;
use tokio_serial::{ClearBuffer, SerialPort};

use super::{
    super::{
        CHUNK_BYTES, Options, SourceError,
        run::{Read, Sniffer, read},
    },
    baud::BAUD_RATES,
    port::{OpenPort, Speed, Target},
};
use crate::{
    Timestamp,
    frame::{MessageId, encode},
};

/// What a line takes to write is waited for so long; then it takes nothing.
const WRITE_TIME: Duration = Duration::from_secs(5);

const MON_VER: MessageId = MessageId::Ubx(0x0A, 0x04);

/// A port in use, ours alone; dropping it closes and unlocks it.
#[derive(Debug)]
pub struct Line {
    port: OpenPort,
    answer_time: Duration,
}

impl Line {
    /// Opens the port (none: the one u-blox on USB) as a source does. A receiver that says nothing is asked at each
    /// speed who it is.
    ///
    /// # Errors
    /// What a source would end with; a path that is no serial port is [`SourceError::Io`].
    pub async fn open<N>(path: Option<PathBuf>, options: &Options, now: &N) -> Result<Self, SourceError>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        let port = Target::new(path).open(options, now).await?;
        let mut line = Self { port, answer_time: options.timing.answer };
        if let Speed::Unconfirmed(last) = line.port.speed
            && !line.find_by_asking(now).await?
        {
            line.set_baud(last).map_err(|error| line.error("set the speed of", error))?;
        }
        Ok(line)
    }

    /// Looks for the speed at which a u-blox says who it is; whether it did. What was heard at a speed may have been on
    /// its way before that was set, and prove nothing.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn find_by_asking<N>(&mut self, now: &N) -> Result<bool, SourceError>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        let found = self.wake(now).await.map_err(|error| self.error("read", error))?;
        Ok(found.is_some())
    }

    /// Asks for MON-VER at each speed; the one at which it comes.
    async fn wake<N>(&mut self, now: &N) -> io::Result<Option<u32>>
    where
        N: Fn() -> Timestamp + Send + Sync,
    {
        let poll = encode::ubx(0x0A, 0x04, &[]).unwrap_or_default();
        let mut buffer = [0; CHUNK_BYTES];
        for baud in BAUD_RATES {
            self.set_baud(baud)?;
            self.write(&poll).await?;
            let (mut sniffer, until) = (Sniffer::default(), now().saturating_add(self.answer_time));
            let mut answered = false;
            while now() < until && !answered {
                match self.read(&mut buffer, until.saturating_sub(now())).await {
                    Ok(0) => break,
                    Ok(length) => {
                        let bytes = buffer.get(..length).unwrap_or_default();
                        sniffer.push_telling(now(), bytes, &mut |message| answered |= message == MON_VER);
                    }
                    Err(error) => return Err(error),
                }
            }
            if answered {
                return Ok(Some(baud));
            }
        }
        Ok(None)
    }

    fn error(&self, doing: &'static str, error: io::Error) -> SourceError {
        SourceError::Io { doing, path: PathBuf::from(self.name()), error }
    }

    /// The port's path that stays the same, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        self.port.name()
    }

    /// The receiver itself is on USB: there is no line.
    #[must_use]
    pub fn is_on_usb(&self) -> bool {
        self.port.speed == Speed::Usb
    }

    /// Bits per second; none where there is no line.
    #[must_use]
    pub fn baud(&self) -> Option<u32> {
        match self.port.speed {
            Speed::Usb => None,
            Speed::Unconfirmed(baud) | Speed::Bauds(baud) => Some(baud),
        }
    }

    /// Waits for bytes, for a bounded time: how many came, 0 if none did.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        match read(&mut *self.port.stream, buffer, wait).await {
            Read::Bytes(length) => Ok(length),
            Read::Silent => Ok(0),
            Read::Gone(error) => Err(error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The port is gone, or takes nothing for five seconds.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match tokio::time::timeout(WRITE_TIME, self.port.stream.write_all(bytes)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Sets the speed and forgets what came at another.
    ///
    /// # Errors
    /// The port is gone, or can't have that speed.
    pub fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        if self.is_on_usb() {
            return Ok(());
        }
        if self.port.stream.baud_rate()? != baud {
            self.port.stream.set_baud_rate(baud)?;
            self.port.stream.clear(ClearBuffer::Input)?;
        }
        self.port.speed = Speed::Bauds(baud);
        Ok(())
    }
}
