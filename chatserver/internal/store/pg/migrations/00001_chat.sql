-- +goose Up

-- Epochs: which site accepts posts, since when. Append-only; the highest counts. A new database begins its first.
CREATE TABLE epoch (
    epoch         bigint PRIMARY KEY CHECK (epoch BETWEEN 1 AND 8388607),
    site          text NOT NULL,         -- '' for the first: the site where the database was made
    fork_timeline integer,               -- where the epoch before ends; null for the first
    fork_lsn      pg_lsn,
    at            timestamptz NOT NULL DEFAULT now()
);
INSERT INTO epoch (epoch, site) VALUES (1, '');

-- One row, locked by whoever changes categories or rooms.
CREATE TABLE catalog (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision bigint NOT NULL
);
INSERT INTO catalog (revision) VALUES (1);

CREATE TABLE category (
    id           uuid PRIMARY KEY,
    key          text UNIQUE,            -- of the object that declares it; null: nobody
    name         text NOT NULL UNIQUE,
    description  text NOT NULL,
    allowed      text[] NOT NULL,
    denied       text[] NOT NULL,
    creators     text[] NOT NULL,
    chat_history boolean NOT NULL,
    file_upload  boolean NOT NULL,
    invitations  boolean NOT NULL,
    version      bigint NOT NULL,
    revision     bigint NOT NULL
);
CREATE INDEX category_revision ON category (revision);

CREATE TABLE room (
    id          uuid PRIMARY KEY,
    category_id uuid NOT NULL REFERENCES category,
    key         text UNIQUE,
    name        text NOT NULL UNIQUE,
    description text NOT NULL,
    privacy     text NOT NULL,
    type        text NOT NULL,
    invitations text NOT NULL,
    disabled    boolean NOT NULL,
    members     text[] NOT NULL,         -- as declared, in full
    managers    text[] NOT NULL,
    presenters  text[] NOT NULL,
    out_of_scope text[] NOT NULL,        -- those of them that the category does not cover, and so do not count
    revision    bigint NOT NULL
);
CREATE INDEX room_revision ON room (revision);
CREATE INDEX room_category ON room (category_id);

-- What was removed, so that pods learn of it.
CREATE TABLE tombstone (
    id       uuid PRIMARY KEY,
    kind     text NOT NULL CHECK (kind IN ('category', 'room')),
    revision bigint NOT NULL,
    emptied  boolean NOT NULL DEFAULT false -- a room's messages are removed after it, piece by piece
);
CREATE INDEX tombstone_revision ON tombstone (revision);
CREATE INDEX tombstone_to_empty ON tombstone (id) WHERE NOT emptied;

-- The narrow row that every post locks. (epoch, seq) is the position of the room's newest message.
CREATE TABLE room_seq (
    room_id uuid PRIMARY KEY,
    epoch   bigint NOT NULL DEFAULT 0,
    seq     bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- No foreign key: whoever inserts has the room's row of room_seq locked.
CREATE TABLE message (
    room_id     uuid NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    author      text NOT NULL,
    author_name text NOT NULL,
    at          timestamptz NOT NULL,
    alert       boolean NOT NULL,
    kept        boolean NOT NULL,        -- false: the category keeps no history
    text        text,                    -- null when the time of a message that is not kept is over
    rtf         text,
    endpoint    text NOT NULL,           -- the client key, for ever: room, author, endpoint, envelope, hash
    envelope    text NOT NULL,
    body_hash   bytea NOT NULL,
    PRIMARY KEY (room_id, epoch, seq),
    CONSTRAINT message_client_key UNIQUE (room_id, author, endpoint, envelope, body_hash)
);
CREATE INDEX message_to_forget ON message (at) WHERE NOT kept AND text IS NOT NULL;

-- Pods and their leases.
CREATE TABLE pod (
    name text PRIMARY KEY,
    beat timestamptz NOT NULL
);

-- Each witness commits here and waits for the mirror.
CREATE TABLE witness (
    pod text PRIMARY KEY,
    at  timestamptz NOT NULL
);

CREATE TABLE participant (
    room_id     uuid NOT NULL REFERENCES room ON DELETE CASCADE,
    user_uri    text NOT NULL,
    endpoint    text NOT NULL,
    name        text NOT NULL,
    pod         text NOT NULL,
    serial      bigint NOT NULL,         -- of the pod's joins: tells a join before a detach from one after it
    joined_at   timestamptz NOT NULL,
    detached_at timestamptz,
    PRIMARY KEY (room_id, user_uri, endpoint)
);
CREATE INDEX participant_endpoint ON participant (user_uri, endpoint);
CREATE INDEX participant_pod ON participant (pod);
CREATE INDEX participant_detached ON participant (detached_at) WHERE detached_at IS NOT NULL;

CREATE TABLE room_presence (
    room_id uuid PRIMARY KEY REFERENCES room ON DELETE CASCADE,
    rev     bigint NOT NULL
) WITH (fillfactor = 50);

-- +goose Down
DROP TABLE room_presence, participant, witness, pod, message, room_seq, tombstone, room, category, catalog, epoch;
