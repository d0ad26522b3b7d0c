-- As in SQLite's first migration, in PostgreSQL's words. Bodies are TEXT, not JSONB: what was written is read.
CREATE TABLE zones (
    no BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);

CREATE TABLE missions (
    no BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    due_ms BIGINT,
    body TEXT NOT NULL
);

CREATE TABLE tasks (
    no BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    mission_id TEXT NOT NULL,
    zone_id TEXT NOT NULL,
    -- Empty while it waits for any rover.
    rover_id TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'assigned', 'active', 'done', 'failed', 'cancelled')),
    progress BIGINT NOT NULL CHECK (progress BETWEEN 0 AND 100),
    waypoint BIGINT NOT NULL CHECK (waypoint >= 0),
    lap BIGINT NOT NULL CHECK (lap >= 0),
    error TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    ended_ms BIGINT,
    -- What it drives, JSON; null once it has ended.
    route TEXT,
    -- Where what its rover was sent starts, JSON.
    proven TEXT,
    sent TEXT,
    cancel_owed BOOLEAN NOT NULL,
    CHECK (rover_id <> '' OR status NOT IN ('assigned', 'active'))
);

CREATE UNIQUE INDEX one_open_task_per_rover ON tasks (rover_id) WHERE status IN ('assigned', 'active');

CREATE FUNCTION a_task_moves_forward_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a task moves forward only' USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER a_task_moves_forward_only BEFORE UPDATE OF status, rover_id, lap ON tasks
FOR EACH ROW WHEN (
    (OLD.status IN ('done', 'failed', 'cancelled') AND NEW.status <> OLD.status)
    OR (OLD.status = 'active' AND NEW.status IN ('pending', 'assigned'))
    OR (OLD.status = 'assigned' AND NEW.status = 'pending')
    OR (OLD.rover_id <> '' AND NEW.rover_id <> OLD.rover_id)
    OR NEW.lap < OLD.lap
) EXECUTE FUNCTION a_task_moves_forward_only();

CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE keeper (
    one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    -- Counts those who led: each commit says whose it is, and one of an earlier leader finds nothing to change.
    term BIGINT NOT NULL DEFAULT 0,
    -- The last commit's number, written with it: its fate can be looked up.
    batch BIGINT NOT NULL DEFAULT 0,
    -- Migrations this database has had.
    version BIGINT NOT NULL DEFAULT 0,
    -- Written and emptied again to see whether the disk has room.
    probe TEXT
);

INSERT INTO keeper DEFAULT VALUES;
