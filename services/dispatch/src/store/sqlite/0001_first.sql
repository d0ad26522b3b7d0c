-- Zones and missions are kept as consoles see them. Tasks have columns, because the database itself is to
-- refuse what must never be: two open tasks of one rover, or a task that goes back.
CREATE TABLE zones (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE missions (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    due_ms INTEGER,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE tasks (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    mission_id TEXT NOT NULL,
    zone_id TEXT NOT NULL,
    -- Empty while it waits for any rover.
    rover_id TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'assigned', 'active', 'done', 'failed', 'cancelled')),
    progress INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100),
    waypoint INTEGER NOT NULL CHECK (waypoint >= 0),
    lap INTEGER NOT NULL CHECK (lap >= 0),
    error TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    ended_ms INTEGER,
    -- What it drives, JSON; null once it has ended.
    route TEXT,
    -- Where what its rover was sent starts, JSON.
    proven TEXT,
    sent TEXT,
    cancel_owed INTEGER NOT NULL CHECK (cancel_owed IN (0, 1)),
    CHECK (rover_id <> '' OR status NOT IN ('assigned', 'active'))
) STRICT;

CREATE UNIQUE INDEX one_open_task_per_rover ON tasks (rover_id) WHERE status IN ('assigned', 'active');

CREATE TRIGGER a_task_moves_forward_only BEFORE UPDATE OF status, rover_id, lap ON tasks
WHEN (OLD.status IN ('done', 'failed', 'cancelled') AND NEW.status <> OLD.status)
  OR (OLD.status = 'active' AND NEW.status IN ('pending', 'assigned'))
  OR (OLD.status = 'assigned' AND NEW.status = 'pending')
  OR (OLD.rover_id <> '' AND NEW.rover_id <> OLD.rover_id)
  OR NEW.lap < OLD.lap
BEGIN
    SELECT RAISE(ABORT, 'a task moves forward only');
END;

CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE keeper (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- The last commit's number, written with it: its fate can be looked up.
    batch INTEGER NOT NULL,
    -- Written and emptied again to see whether the disk has room.
    probe TEXT
) STRICT;

INSERT INTO keeper (one, batch) VALUES (1, 0);
