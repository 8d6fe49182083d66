-- +goose NO TRANSACTION
-- +goose Up

-- Each statement can be run again: without a transaction, what was begun before an interruption is there.
-- Where a recovered message stood before a failover lost it, and when it was recovered; null for all others.
ALTER TABLE message ADD COLUMN IF NOT EXISTS origin_epoch bigint, ADD COLUMN IF NOT EXISTS origin_seq bigint,
    ADD COLUMN IF NOT EXISTS recovered_at timestamptz;
-- Two databases that strayed apart can have different messages at one position: each may be recovered, once.
DROP INDEX CONCURRENTLY IF EXISTS message_origin;
CREATE UNIQUE INDEX CONCURRENTLY message_origin ON message (room_id, origin_epoch, origin_seq, body_hash) WHERE origin_epoch IS NOT NULL;

-- What was found in an overtaken database. Done: everything is here.
CREATE TABLE IF NOT EXISTS salvage (
    epoch       bigint NOT NULL,         -- the tail: the newest epoch there, and where its log ends
    timeline    bigint NOT NULL,
    lsn         pg_lsn NOT NULL,
    site        text NOT NULL,           -- whose database it is
    begun_at    timestamptz NOT NULL DEFAULT now(),
    done        boolean NOT NULL DEFAULT false,
    differences text[] NOT NULL,
    waiting     text NOT NULL DEFAULT '',
    PRIMARY KEY (epoch, timeline, lsn)
);

-- The rooms that are looked through, and how far.
CREATE TABLE IF NOT EXISTS salvage_room (
    epoch      bigint NOT NULL,
    timeline   bigint NOT NULL,
    lsn        pg_lsn NOT NULL,
    room_id    uuid NOT NULL,
    name       text NOT NULL,
    from_epoch bigint NOT NULL,          -- looked through are the messages beyond this position there
    from_seq   bigint NOT NULL,
    at_epoch   bigint NOT NULL,          -- up to here it was
    at_seq     bigint NOT NULL,
    recovered  bigint NOT NULL DEFAULT 0,
    resent     bigint NOT NULL DEFAULT 0,
    recreated  boolean NOT NULL,         -- the room is made here first
    removed    boolean NOT NULL DEFAULT false, -- it was removed here while this went on
    done       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (epoch, timeline, lsn, room_id),
    FOREIGN KEY (epoch, timeline, lsn) REFERENCES salvage
);

-- +goose Down
DROP TABLE salvage_room, salvage;
DROP INDEX message_origin;
ALTER TABLE message DROP COLUMN recovered_at, DROP COLUMN origin_seq, DROP COLUMN origin_epoch;
