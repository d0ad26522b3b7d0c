//! What is between us and the server, and can be cut.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Pass,
    /// Connections end as soon as they begin.
    Refuse,
    /// Nothing goes on, and nothing ends.
    Freeze,
    /// The next COMMIT ends its connection and doesn't arrive.
    CutBeforeCommit,
    /// The next COMMIT arrives; its answer doesn't.
    CutAfterCommit,
    /// The second half of that.
    CutAtAnswer,
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    mode: Mode,
    /// Connections so far, and those of them that are stranded.
    count: usize,
    stranded: usize,
    open: Vec<TcpStream>,
}

impl Proxy {
    /// Ends with the process.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new((
            Mutex::new(State { mode: Mode::Pass, count: 0, stranded: 0, open: Vec::new() }),
            Condvar::new(),
        ));
        let proxy = Self { port: listener.local_addr().unwrap().port(), state };
        let accepting = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.mode() == Mode::Refuse {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                let no = {
                    let mut state = accepting.state.0.lock().unwrap();
                    state.open.extend(ends);
                    state.count += 1;
                    state.count
                };
                let (there, back) = (accepting.clone(), accepting.clone());
                let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || there.pump(no, from_client, to_server, true));
                thread::spawn(move || back.pump(no, server, client, false));
            }
        });
        proxy
    }

    pub fn set(&self, mode: Mode) {
        self.state.0.lock().unwrap().mode = mode;
        self.state.1.notify_all();
    }

    fn mode(&self) -> Mode {
        self.state.0.lock().unwrap().mode
    }

    /// Nothing goes on in the connections there are, and neither end hears of it; new ones pass.
    pub fn strand(&self) {
        let mut state = self.state.0.lock().unwrap();
        state.stranded = state.count;
    }

    /// Ends every connection; new ones are refused.
    pub fn sever(&self) {
        self.set(Mode::Refuse);
        self.end_all();
    }

    fn end_all(&self) {
        for socket in self.state.0.lock().unwrap().open.drain(..) {
            // It may have ended already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn pump(&self, no: usize, mut from: TcpStream, mut to: TcpStream, upward: bool) {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut chunk).unwrap_or(0);
            let commit = upward && chunk[..count].windows(7).any(|bytes| bytes == b"COMMIT\0");
            let (lock, changed) = &*self.state;
            let mode = {
                let stuck = |state: &mut State| state.mode == Mode::Freeze || no <= state.stranded;
                let state = changed.wait_while(lock.lock().unwrap(), stuck);
                let mut state = state.unwrap();
                let mode = state.mode;
                state.mode = match mode {
                    Mode::CutBeforeCommit if commit => Mode::Pass,
                    Mode::CutAfterCommit if commit => Mode::CutAtAnswer,
                    Mode::CutAtAnswer if !upward => Mode::Pass,
                    other => other,
                };
                mode
            };
            match mode {
                Mode::CutBeforeCommit if commit => return self.end_all(),
                Mode::CutAtAnswer if !upward => return self.end_all(),
                _ => {}
            }
            if count == 0 || to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}
