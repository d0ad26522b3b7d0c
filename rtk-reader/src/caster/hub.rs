//! What the tasks of a caster share.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::core::{self, Burst, Engine, Gate, Known, RoverPosition, State};
use super::report::{ClientReport, CorrectionsReport, MAX_LISTED, PushReport, Report};
use crate::Timestamp;
use crate::source::Event;

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Whole frames, shared by all clients of a mountpoint.
#[derive(Clone, Debug)]
pub struct Shared {
    /// In a chunk.
    pub chunked: Bytes,
    /// The same memory without.
    pub plain: Bytes,
}

/// What the tasks of a caster share. No lock is held across a send or an await.
pub struct Hub {
    pub config: Config,
    pub now: Now,
    engine: Mutex<Engine>,
    /// By mountpoint; none when it stops.
    streams: Mutex<Option<Vec<broadcast::Sender<Shared>>>>,
    raw: Mutex<Option<broadcast::Sender<Bytes>>>,
    known: Mutex<Known>,
    registry: Mutex<Registry>,
    state: watch::Sender<(State, Timestamp)>,
    slow: AtomicU64,
    refused: AtomicU64,
    /// The caster stops: whoever has no stream leaves.
    pub closing: CancellationToken,
    /// Somebody came, went or changed.
    pub changed: Notify,
}

#[derive(Default)]
struct Registry {
    last_id: u64,
    connections: usize,
    by_address: BTreeMap<IpAddr, usize>,
    clients: BTreeMap<u64, Arc<Client>>,
    raw_clients: usize,
    pushes: Vec<PushReport>,
}

/// One client with a stream.
pub struct Client {
    pub mountpoint: usize,
    pub user: Option<String>,
    pub address: SocketAddr,
    pub user_agent: Option<String>,
    pub since: Timestamp,
    pub bytes: AtomicU64,
    pub position: Mutex<Option<RoverPosition>>,
}

/// Counts a connection as long as it lives.
pub struct Place {
    hub: Arc<Hub>,
    kind: Kind,
}

enum Kind {
    Ntrip(IpAddr),
    Raw,
    Client(u64),
}

impl Hub {
    pub fn new(config: Config, now: Now) -> Self {
        let gate = Gate::new(config.base_ecef_m, config.arp_limit_m);
        let engine = Engine::new(gate, config.mountpoints.clone());
        let behind = config.limits.behind_bursts.max(1);
        let streams = config.mountpoints.iter().map(|_| broadcast::Sender::new(behind)).collect();
        let since = now();
        let pushes = config.pushes.iter().map(|target| PushReport {
            target: target.to_string(),
            connected: false,
            error: None,
            since: millis(since),
            bytes: 0,
        });
        let registry = Registry { pushes: pushes.collect(), ..Registry::default() };
        Self {
            state: watch::Sender::new((engine.state(), since)),
            known: Mutex::new(Known::new(config.key)),
            config,
            now,
            engine: Mutex::new(engine),
            streams: Mutex::new(Some(streams)),
            raw: Mutex::new(Some(broadcast::Sender::new(behind))),
            registry: Mutex::new(registry),
            slow: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            closing: CancellationToken::new(),
            changed: Notify::new(),
        }
    }

    /// Takes what a source tells, and sends what follows from it.
    pub fn take(&self, event: &Event) {
        if let Event::Bytes { bytes, .. } = event {
            let raw = lock(&self.raw).clone();
            if let Some(raw) = raw.filter(|raw| raw.receiver_count() > 0) {
                // Fails only if the last has left.
                let _ = raw.send(Bytes::copy_from_slice(bytes));
            }
        }
        let (bursts, state) = {
            let mut engine = lock(&self.engine);
            (engine.take(event), engine.state())
        };
        self.send(bursts);
        self.told(state);
    }

    /// Bytes wait for a frame's end.
    pub fn is_pending(&self) -> bool {
        lock(&self.engine).is_pending()
    }

    /// Nothing came for a while: looks for frames behind one that isn't complete.
    pub fn look(&self) {
        let (bursts, state) = {
            let mut engine = lock(&self.engine);
            (engine.look(), engine.state())
        };
        self.send(bursts);
        self.told(state);
    }

    fn send(&self, bursts: Vec<Burst>) {
        for burst in bursts {
            let stream = lock(&self.streams).as_ref().and_then(|all| all.get(burst.mountpoint).cloned());
            let Some(stream) = stream.filter(|stream| stream.receiver_count() > 0) else { continue };
            let Some((chunk, inner)) = core::chunk(&burst.bytes) else { continue };
            let chunked = Bytes::from(chunk);
            let plain = chunked.slice(inner);
            let _ = stream.send(Shared { chunked, plain });
        }
    }

    fn told(&self, state: State) {
        let before = self.state.borrow().0;
        if before.word() == state.word() {
            return;
        }
        let now = (self.now)();
        self.state.send_replace((state, now));
        match state {
            State::Moved { distance_m } => tracing::error!(distance_m, "{}", state.sentence()),
            State::Serving => tracing::info!("{}", state.sentence()),
            _ => tracing::warn!("{}", state.sentence()),
        }
        self.changed.notify_one();
    }

    /// Whether corrections go out, as it changes.
    pub fn states(&self) -> watch::Receiver<(State, Timestamp)> {
        self.state.subscribe()
    }

    /// Ends all streams: clients get what is on its way to them, and then their end.
    pub fn close(&self) {
        self.closing.cancel();
        lock(&self.streams).take();
        lock(&self.raw).take();
    }

    /// What goes out at a mountpoint from now on; none when the caster stops.
    pub fn stream(&self, mountpoint: usize) -> Option<broadcast::Receiver<Shared>> {
        lock(&self.streams).as_ref()?.get(mountpoint).map(broadcast::Sender::subscribe)
    }

    /// All that the receiver sends from now on.
    pub fn raw(&self) -> Option<broadcast::Receiver<Bytes>> {
        lock(&self.raw).as_ref().map(broadcast::Sender::subscribe)
    }

    pub fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    /// The sourcetable as of now.
    pub fn table(&self) -> String {
        let facts = lock(&self.engine).facts().clone();
        core::sourcetable(&self.config.identity, &self.config.mountpoints, &facts)
    }

    /// Of the mountpoint that is pushed.
    pub fn str_fields(&self) -> String {
        let facts = lock(&self.engine).facts().clone();
        let first = self.config.mountpoints.first();
        first.map_or_else(String::new, |first| core::str_fields(&self.config.identity, first, &facts))
    }

    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub fn slow(&self) {
        self.slow.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection's place; none if there is no room for one from there.
    pub fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let limits = self.config.limits;
        let mut registry = lock(&self.registry);
        let here = registry.by_address.get(&from).copied().unwrap_or_default();
        if registry.connections >= limits.clients || here >= limits.per_address {
            return None;
        }
        registry.connections += 1;
        registry.by_address.insert(from, here + 1);
        Some(Place { hub: self.clone(), kind: Kind::Ntrip(from) })
    }

    /// The same for the raw stream.
    pub fn raw_place(self: &Arc<Self>) -> Option<Place> {
        let mut registry = lock(&self.registry);
        if registry.raw_clients >= self.config.limits.raw_clients {
            return None;
        }
        registry.raw_clients += 1;
        self.changed.notify_one();
        Some(Place { hub: self.clone(), kind: Kind::Raw })
    }

    /// Counts a client with a stream.
    pub fn enter(self: &Arc<Self>, client: Arc<Client>) -> Place {
        let mut registry = lock(&self.registry);
        registry.last_id += 1;
        let id = registry.last_id;
        registry.clients.insert(id, client);
        self.changed.notify_one();
        Place { hub: self.clone(), kind: Kind::Client(id) }
    }

    /// How it is with an outside caster.
    pub fn pushed(&self, index: usize, connected: bool, error: Option<String>) {
        let since = millis((self.now)());
        if let Some(push) = lock(&self.registry).pushes.get_mut(index) {
            if push.connected != connected {
                push.since = since;
            }
            push.connected = connected;
            push.error = error;
        }
        self.changed.notify_one();
    }

    /// So many bytes more went to an outside caster.
    pub fn pushed_bytes(&self, index: usize, bytes: usize) {
        if let Some(push) = lock(&self.registry).pushes.get_mut(index) {
            push.bytes = push.bytes.saturating_add(bytes as u64);
        }
    }

    /// All there is to tell.
    pub fn report(&self) -> Report {
        let (state, since) = *self.state.borrow();
        let registry = lock(&self.registry);
        let names = &self.config.mountpoints;
        let listed = registry.clients.values().take(MAX_LISTED).map(|client| {
            let name = names.get(client.mountpoint).map(|mountpoint| mountpoint.name.clone());
            client.report(name.unwrap_or_default())
        });
        Report {
            clients: u32::try_from(registry.clients.len()).unwrap_or(u32::MAX),
            ntrip_clients: listed.collect(),
            corrections: CorrectionsReport {
                serving: state == State::Serving,
                reason: (state != State::Serving).then(|| state.word()),
                message: state.sentence(),
                since: millis(since),
                slow_clients: self.slow.load(Ordering::Relaxed),
                refused: self.refused.load(Ordering::Relaxed),
                raw_clients: u32::try_from(registry.raw_clients).unwrap_or(u32::MAX),
            },
            pushes: registry.pushes.clone(),
        }
    }
}

impl Client {
    fn report(&self, mountpoint: String) -> ClientReport {
        let position = *lock(&self.position);
        ClientReport {
            mountpoint,
            user: self.user.clone(),
            address: self.address.to_string(),
            user_agent: self.user_agent.clone(),
            connected_since: millis(self.since),
            bytes: self.bytes.load(Ordering::Relaxed),
            latitude: position.and_then(|position| position.latitude_deg),
            longitude: position.and_then(|position| position.longitude_deg),
            fix_quality: position.map(|position| position.quality),
            correction_age: position.and_then(|position| position.correction_age_s),
            last_gga: position.map(|position| millis(position.at)),
        }
    }

    /// Where it says that it is; whether anything but the time has changed.
    pub fn is_at(&self, position: RoverPosition) -> bool {
        let before = lock(&self.position).replace(position);
        before.is_none_or(|before| before.quality != position.quality)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut registry = lock(&self.hub.registry);
        match self.kind {
            Kind::Ntrip(from) => {
                registry.connections = registry.connections.saturating_sub(1);
                let here = registry.by_address.get(&from).copied().unwrap_or_default();
                if here > 1 {
                    registry.by_address.insert(from, here - 1);
                } else {
                    registry.by_address.remove(&from);
                }
            }
            Kind::Raw => {
                registry.raw_clients = registry.raw_clients.saturating_sub(1);
                self.hub.changed.notify_one();
            }
            Kind::Client(id) => {
                registry.clients.remove(&id);
                self.hub.changed.notify_one();
            }
        }
    }
}

/// A task that panicked holding a lock left nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since the Unix epoch.
fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}
