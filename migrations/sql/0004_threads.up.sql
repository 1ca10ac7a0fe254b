-- Conversations: a thread belongs to one member; each run adds a question and, when it ends well, an answer.

CREATE TABLE threads (
    tenant_id        uuid NOT NULL,
    thread_id        uuid NOT NULL,
    user_id          uuid NOT NULL,
    title            text NOT NULL DEFAULT 'New thread' CHECK (char_length(title) BETWEEN 1 AND 200),
    metadata         jsonb NOT NULL DEFAULT '{}',
    status           text NOT NULL DEFAULT 'idle' CHECK (status IN ('idle', 'busy', 'interrupted', 'error')),
    config           jsonb NOT NULL DEFAULT '{}',
    values           jsonb,
    interrupts       jsonb NOT NULL DEFAULT '{}',
    error            jsonb,
    ttl              jsonb,
    expires_at       timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    state_updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, thread_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX threads_of_user ON threads (tenant_id, user_id, created_at DESC, thread_id DESC);
CREATE INDEX threads_expiring ON threads (tenant_id, expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE runs (
    tenant_id          uuid NOT NULL,
    run_id             uuid NOT NULL,
    thread_id          uuid NOT NULL,
    user_id            uuid NOT NULL,
    assistant_id       uuid NOT NULL,
    graph_id           text NOT NULL,
    status             text NOT NULL DEFAULT 'pending'
                       CHECK (status IN ('pending', 'running', 'success', 'error', 'timeout', 'interrupted')),
    multitask_strategy text NOT NULL CHECK (multitask_strategy IN ('enqueue', 'interrupt', 'rollback', 'reject')),
    request            jsonb NOT NULL,
    metadata           jsonb NOT NULL DEFAULT '{}',
    events_after       bigint NOT NULL DEFAULT 0,
    error_code         text,
    error_detail       text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    ended_at           timestamptz,
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, thread_id) REFERENCES threads ON DELETE CASCADE
);
CREATE INDEX runs_of_thread ON runs (tenant_id, thread_id, created_at DESC, run_id DESC);

CREATE TABLE messages (
    tenant_id  uuid NOT NULL,
    thread_id  uuid NOT NULL,
    position   bigint GENERATED ALWAYS AS IDENTITY,
    run_id     uuid NOT NULL,
    role       text NOT NULL CHECK (role IN ('user', 'assistant')),
    content    text NOT NULL,
    sources    jsonb NOT NULL DEFAULT '[]',
    citations  jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, thread_id, position),
    UNIQUE (tenant_id, run_id, role),
    FOREIGN KEY (tenant_id, thread_id) REFERENCES threads ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs ON DELETE CASCADE
);

CREATE TABLE usage_records (
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    usage_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id       uuid NOT NULL,
    run_id        uuid,
    kind          text NOT NULL CHECK (kind IN ('chat', 'embedding')),
    model         text NOT NULL,
    input_tokens  bigint NOT NULL,
    output_tokens bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, usage_id)
);
CREATE INDEX usage_records_time ON usage_records (tenant_id, created_at);

CREATE TABLE idempotency_keys (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id      uuid NOT NULL,
    operation    text NOT NULL,
    key          text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,
    response     jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id, operation, key)
);

CALL protect_tenant_table('threads');
CALL protect_tenant_table('runs');
CALL protect_tenant_table('messages');
CALL protect_tenant_table('usage_records');
CALL protect_tenant_table('idempotency_keys');

GRANT SELECT, INSERT, UPDATE, DELETE ON threads, runs, messages, idempotency_keys TO atrium_app;
GRANT SELECT, INSERT ON usage_records TO atrium_app;
