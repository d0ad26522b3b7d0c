//! The terminal: taken, drawn on, and given back however it ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::page::{Page, draw};

/// How long a look for keys waits; the screen's end is noticed no later.
const LOOK: Duration = Duration::from_millis(100);
/// Keys that are pressed and not yet done; more is passed over.
const PRESSED: usize = 16;

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Raw,
    Record,
    Help,
    Quit,
    /// None: the terminal has another size, and the page is drawn anew.
    Resized,
}

/// The terminal in raw mode, on its other screen. Given back when dropped, and in a panic.
pub struct Screen {
    terminal: DefaultTerminal,
    keys: mpsc::Receiver<Key>,
    over: Arc<AtomicBool>,
}

impl Screen {
    pub fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let (sender, keys) = mpsc::channel(PRESSED);
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        std::thread::spawn(move || listen(&sender, &ends));
        Ok(Self { terminal, keys, over })
    }

    pub fn draw(&mut self, page: &Page<'_>) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, page)).map(|_| ())
    }

    /// The next key; none when the terminal is gone.
    pub async fn key(&mut self) -> Option<Key> {
        self.keys.recv().await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // A terminal that is gone needs nothing back.
        let _ = ratatui::try_restore();
    }
}

fn listen(sender: &mpsc::Sender<Key>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let key = match event::poll(LOOK)
            .and_then(|there| if there { event::read().map(Some) } else { Ok(None) })
        {
            Ok(Some(event)) => meant(&event),
            Ok(None) => None,
            Err(_) => return,
        };
        if let Some(key) = key
            && matches!(sender.try_send(key), Err(mpsc::error::TrySendError::Closed(_)))
        {
            return;
        }
    }
}

fn meant(event: &Event) -> Option<Key> {
    match event {
        Event::Key(KeyEvent { kind: KeyEventKind::Press, code, modifiers, .. }) => match code {
            // In raw mode it is a key like any other.
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
            KeyCode::Char('s') => Some(Key::Raw),
            KeyCode::Char('r') => Some(Key::Record),
            KeyCode::Char('?' | 'h') => Some(Key::Help),
            _ => None,
        },
        Event::Resize(..) => Some(Key::Resized),
        _ => None,
    }
}
