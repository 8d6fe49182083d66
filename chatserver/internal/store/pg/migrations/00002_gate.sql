-- +goose Up

-- Where each room was when an epoch began: the position of its newest message of the epochs before.
CREATE TABLE epoch_room (
    epoch      bigint NOT NULL REFERENCES epoch,
    room_id    uuid NOT NULL,
    from_epoch bigint NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (epoch, room_id)
);

-- Epochs up to this one accept no posts, whoever is activated for them.
CREATE TABLE gate (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    closed bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO gate (closed) VALUES (0);

-- Moved on every second by each activated server of a site.
CREATE TABLE heartbeat (
    epoch    bigint NOT NULL,
    site     text NOT NULL,
    pod      text NOT NULL,              -- who moved it last
    instance text NOT NULL,              -- the pod in that life of its process
    counter  bigint NOT NULL,
    PRIMARY KEY (epoch, site)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- The newest heartbeat that the database had when the epoch was recorded, as epoch * 2^32 + counter; 0: none.
ALTER TABLE epoch ADD COLUMN fork_beat bigint NOT NULL DEFAULT 0;

-- The hash of what the declaring object's operator applied last; '': not known.
ALTER TABLE category ADD COLUMN declared text NOT NULL DEFAULT '';
ALTER TABLE room ADD COLUMN declared text NOT NULL DEFAULT '';

-- The keys whose objects were deleted, and when.
CREATE TABLE withdrawn (
    kind text NOT NULL CHECK (kind IN ('category', 'room')),
    key  text NOT NULL,
    at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key)
);

-- +goose Down
DROP TABLE withdrawn;
ALTER TABLE room DROP COLUMN declared;
ALTER TABLE category DROP COLUMN declared;
ALTER TABLE epoch DROP COLUMN fork_beat;
DROP TABLE heartbeat, gate, epoch_room;
