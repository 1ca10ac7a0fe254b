-- What graphs remember: LangGraph's checkpoint tables with the tenant first in every key.
-- A channel's value is a series of pieces, so a growing list stores only what was added to it.

CREATE TABLE checkpoints (
    tenant_id            uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    thread_id            text NOT NULL,
    checkpoint_ns        text NOT NULL,
    checkpoint_id        text NOT NULL,
    parent_checkpoint_id text,
    checkpoint           jsonb NOT NULL,
    metadata             jsonb NOT NULL,
    PRIMARY KEY (tenant_id, thread_id, checkpoint_ns, checkpoint_id)
);

-- A version's value: the pieces of its series that start before `stop`, in order.
-- start, stop: positions in the list; any other value is one piece from 0 to 1.
CREATE TABLE checkpoint_values (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    thread_id     text NOT NULL,
    checkpoint_ns text NOT NULL,
    channel       text NOT NULL,
    version       text NOT NULL,
    series        text NOT NULL,
    start         integer NOT NULL,
    stop          integer NOT NULL CHECK (stop >= start),
    type          text NOT NULL,
    piece         bytea NOT NULL,
    PRIMARY KEY (tenant_id, thread_id, checkpoint_ns, channel, version)
);
-- Unique: of two branches that continue one series the second has to begin its own.
CREATE UNIQUE INDEX checkpoint_values_series
    ON checkpoint_values (tenant_id, thread_id, checkpoint_ns, channel, series, start) WHERE start < stop;

CREATE TABLE checkpoint_writes (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    thread_id     text NOT NULL,
    checkpoint_ns text NOT NULL,
    checkpoint_id text NOT NULL,
    task_id       text NOT NULL,
    idx           integer NOT NULL,
    channel       text NOT NULL,
    type          text NOT NULL,
    blob          bytea NOT NULL,
    task_path     text NOT NULL,
    PRIMARY KEY (tenant_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);

CALL protect_tenant_table('checkpoints');
CALL protect_tenant_table('checkpoint_values');
CALL protect_tenant_table('checkpoint_writes');

GRANT SELECT, INSERT, UPDATE, DELETE ON checkpoints, checkpoint_values, checkpoint_writes TO atrium_app;
