-- What runs, in which order, and what it said: assistants, the queue, the event log, crons, long-term memory.

CREATE TABLE assistants (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    assistant_id uuid NOT NULL,
    graph_id     text NOT NULL CHECK (char_length(graph_id) BETWEEN 1 AND 200),
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    description  text CHECK (char_length(description) <= 2000),
    config       jsonb NOT NULL DEFAULT '{}',
    context      jsonb NOT NULL DEFAULT '{}',
    metadata     jsonb NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, assistant_id)
);

CREATE TABLE assistant_versions (
    tenant_id    uuid NOT NULL,
    assistant_id uuid NOT NULL,
    version      integer NOT NULL,
    graph_id     text NOT NULL,
    name         text NOT NULL,
    description  text,
    config       jsonb NOT NULL,
    context      jsonb NOT NULL,
    metadata     jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, assistant_id, version),
    FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants ON DELETE CASCADE
);

-- Apart from `threads`, and slim: every batch of events and every claim of a run updates its row in place.
CREATE TABLE thread_heads (
    tenant_id uuid NOT NULL,
    thread_id uuid NOT NULL,
    seq       bigint NOT NULL DEFAULT 0,
    fence     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, thread_id),
    FOREIGN KEY (tenant_id, thread_id) REFERENCES threads ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE event_batches (
    tenant_id  uuid NOT NULL,
    thread_id  uuid NOT NULL,
    last_seq   bigint NOT NULL,
    run_id     uuid NOT NULL,
    names      text[] NOT NULL,
    data       text[] NOT NULL CHECK (cardinality(data) = cardinality(names) AND cardinality(data) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, thread_id, last_seq),
    -- Not `threads`: an append must not wait for whoever holds the thread itself.
    FOREIGN KEY (tenant_id, thread_id) REFERENCES thread_heads ON DELETE CASCADE
);
CREATE INDEX event_batches_age ON event_batches (tenant_id, created_at);

-- Ids and times of the runs that have not ended, and no content: executors look for work before they know a tenant.
-- Like the job queue's, this table has no policy; decision 3 says why that is safe.
CREATE TABLE run_queue (
    position     bigint GENERATED ALWAYS AS IDENTITY,
    tenant       uuid NOT NULL,
    run_id       uuid NOT NULL,
    thread_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    role         text NOT NULL,
    available_at timestamptz NOT NULL DEFAULT now(),
    executor     uuid,
    lease_until  timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    cancel       text CHECK (cancel IN ('interrupt', 'rollback')),
    PRIMARY KEY (tenant, run_id),
    FOREIGN KEY (tenant, run_id) REFERENCES runs ON DELETE CASCADE,
    CHECK ((executor IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX run_queue_one_at_a_time ON run_queue (tenant, thread_id) WHERE executor IS NOT NULL;
CREATE INDEX run_queue_of_thread ON run_queue (tenant, thread_id, position);

CREATE TABLE crons (
    tenant_id        uuid NOT NULL,
    cron_id          uuid NOT NULL,
    user_id          uuid NOT NULL,
    role             text NOT NULL,
    assistant_id     uuid NOT NULL,
    thread_id        uuid,
    schedule         text NOT NULL CHECK (char_length(schedule) <= 200),
    timezone         text CHECK (char_length(timezone) <= 100),
    end_time         timestamptz,
    enabled          boolean NOT NULL DEFAULT true,
    request          jsonb NOT NULL,
    metadata         jsonb NOT NULL DEFAULT '{}',
    on_run_completed text CHECK (on_run_completed IN ('delete', 'keep')),
    next_run_date    timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, cron_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, thread_id) REFERENCES threads ON DELETE CASCADE
);

CREATE TABLE store_items (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    namespace   text[] NOT NULL,
    key         text NOT NULL,
    value       jsonb NOT NULL,
    ttl_minutes double precision CHECK (ttl_minutes > 0),
    expires_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id, namespace, key),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX store_items_expiring ON store_items (tenant_id, expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE store_vectors (
    tenant_id uuid NOT NULL,
    user_id   uuid NOT NULL,
    namespace text[] NOT NULL,
    key       text NOT NULL,
    field     text NOT NULL,
    embedding halfvec(:dimensions) NOT NULL,
    PRIMARY KEY (tenant_id, user_id, namespace, key, field),
    FOREIGN KEY (tenant_id, user_id, namespace, key) REFERENCES store_items ON DELETE CASCADE
);

CALL protect_tenant_table('assistants');
CALL protect_tenant_table('assistant_versions');
CALL protect_tenant_table('thread_heads');
CALL protect_tenant_table('event_batches');
CALL protect_tenant_table('crons');
CALL protect_tenant_table('store_items');
CALL protect_tenant_table('store_vectors');

GRANT SELECT, INSERT, UPDATE, DELETE ON assistants, assistant_versions, thread_heads, event_batches, run_queue, crons,
    store_items, store_vectors TO atrium_app;
