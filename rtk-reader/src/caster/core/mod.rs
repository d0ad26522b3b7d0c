//! What a caster decides, without a socket, a clock or a thread.

mod answer;
mod engine;
mod facts;
mod gate;
mod gga;
mod mountpoint;
mod place;
mod request;
mod table;
mod target;
mod users;

pub use answer::{Refusal, chunk, is_chunked, last_chunk, stream, table};
pub use engine::{BURST_BYTES, Burst, Engine, MOST_FRAME_BYTES};
pub use facts::{Facts, MAX_TYPES, TypeFacts};
pub use gate::{ARP_LIMIT_M, Gate, State};
pub use gga::{GGA_LINE_BYTES, GgaReader, RoverPosition};
pub use mountpoint::{MAX_MOUNTPOINTS, Mountpoint, MountpointError, parse_list};
pub use place::{PlaceError, parse_ecef};
pub use request::{Credentials, HEAD_BYTES, Head, Request, RequestError, Rev};
pub use table::{Identity, sourcetable, str_fields};
pub use target::{Answer, Backoff, MAX_PUSHES, PushTarget, PushTargetError};
pub use users::{
    FAILURES, FAILURES_WITHIN, HashError, KNOWN, Known, MAX_USERS, User, Users, UsersError, hash, verify,
};
