-- +goose Up

-- Posts wait behind whoever waits for this lock.
SET LOCAL lock_timeout = '1s';
-- Where a recovered message stood before a failover lost it, and when it was recovered; null for all others.
-- That each is recovered once is the client key's doing.
ALTER TABLE message ADD COLUMN origin_epoch bigint, ADD COLUMN origin_seq bigint, ADD COLUMN recovered_at timestamptz;

-- What was found in an overtaken database. Done: everything is here.
CREATE TABLE salvage (
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
CREATE TABLE salvage_room (
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
ALTER TABLE message DROP COLUMN recovered_at, DROP COLUMN origin_seq, DROP COLUMN origin_epoch;
