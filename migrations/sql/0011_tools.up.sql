-- Tools that tenants register: what they are, who may call them, what was called, and the secrets they are called with.

-- `enabled` is an admin's word; `withdrawn`: the document or server that it came from has it no more.
CREATE TABLE tools (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    tool_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    name       text NOT NULL CHECK (name ~ '^[a-zA-Z0-9_-]{1,64}$'),
    latest     integer NOT NULL DEFAULT 1,
    enabled    boolean NOT NULL DEFAULT true,
    withdrawn  boolean NOT NULL DEFAULT false,
    source     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);
CREATE INDEX tools_of_source ON tools (tenant_id, source) WHERE source IS NOT NULL;

-- A version never changes; only its tool's end removes it.
CREATE TABLE tool_versions (
    tenant_id   uuid NOT NULL,
    name        text NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    kind        text NOT NULL CHECK (kind IN ('http', 'openapi', 'mcp')),
    description text NOT NULL,
    parameters  jsonb NOT NULL,
    side_effect text NOT NULL CHECK (side_effect IN ('none', 'read', 'write')),
    invocation  jsonb NOT NULL,
    created_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name, version),
    FOREIGN KEY (tenant_id, name) REFERENCES tools ON DELETE CASCADE
);

-- Of built-in tools too, which have no row in `tools`.
CREATE TABLE tool_policies (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name       text NOT NULL,
    policy     jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- `role` is the least that is meant; a null means any.
CREATE TABLE tool_grants (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name         text NOT NULL,
    grant_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    effect       text NOT NULL CHECK (effect IN ('allow', 'deny')),
    role         text CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    assistant_id uuid,
    created_by   uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name, grant_id)
);

-- The audit, and what keeps a call from being repeated: a row is there before the call is made.
CREATE TABLE tool_calls (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    tool_call_id uuid NOT NULL DEFAULT gen_random_uuid(),
    thread_id    uuid NOT NULL,
    call_id      text NOT NULL CHECK (char_length(call_id) BETWEEN 1 AND 200),
    run_id       uuid NOT NULL,
    assistant_id uuid NOT NULL,
    user_id      uuid NOT NULL,
    name         text NOT NULL,
    version      integer,
    side_effect  text,
    arguments    jsonb NOT NULL,
    attempts     integer NOT NULL DEFAULT 1,
    outcome      text,
    detail       text,
    result       text,
    bytes        bigint,
    milliseconds double precision,
    started_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    PRIMARY KEY (tenant_id, thread_id, call_id)
);
CREATE INDEX tool_calls_of_tool ON tool_calls (tenant_id, name, started_at DESC, tool_call_id DESC);

CREATE TABLE tool_approvals (
    tenant_id        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    approval_id      uuid NOT NULL,
    thread_id        uuid NOT NULL,
    run_id           uuid NOT NULL,
    call_id          text NOT NULL,
    user_id          uuid NOT NULL,
    role             text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    name             text NOT NULL,
    version          integer NOT NULL,
    arguments        jsonb NOT NULL,
    arguments_digest bytea NOT NULL,
    approver_role    text NOT NULL CHECK (approver_role IN ('owner', 'admin', 'member', 'viewer')),
    status           text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected')),
    message          text,
    decided_by       uuid,
    decided_at       timestamptz,
    expires_at       timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, approval_id),
    UNIQUE (tenant_id, thread_id, call_id),
    FOREIGN KEY (tenant_id, thread_id) REFERENCES threads ON DELETE CASCADE
);
CREATE INDEX tool_approvals_pending ON tool_approvals (tenant_id, created_at DESC, approval_id DESC)
    WHERE status = 'pending';

-- One key for each tenant, wrapped by the deployment's; no secret is stored in any other form.
CREATE TABLE vault_keys (
    tenant_id  uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- `owner` is a tool, an import or a server; `user_id` is whose it is, all zeros for the tenant's own.
CREATE TABLE vault_secrets (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    owner      text NOT NULL CHECK (char_length(owner) BETWEEN 1 AND 200),
    scheme     text NOT NULL CHECK (char_length(scheme) BETWEEN 1 AND 200),
    user_id    uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    version    integer NOT NULL DEFAULT 1,
    ciphertext bytea NOT NULL,
    expires_at timestamptz,
    updated_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, owner, scheme, user_id)
);

-- An authorization that somebody began and has not come back from: `scheme` as it was then, `verifier` encrypted.
CREATE TABLE oauth_authorizations (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    state_digest bytea NOT NULL,
    owner        text NOT NULL CHECK (char_length(owner) BETWEEN 1 AND 200),
    scheme       jsonb NOT NULL,
    user_id      uuid NOT NULL,
    verifier     bytea NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, state_digest)
);

-- Who asks a token server for a new access token: one process at a time, none for longer than its lease.
CREATE TABLE oauth_renewals (
    tenant_id    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    owner        text NOT NULL,
    scheme       text NOT NULL,
    user_id      uuid NOT NULL,
    lease        uuid NOT NULL,
    leased_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, owner, scheme, user_id)
);

-- `source` of tools that came from one OpenAPI document.
CREATE TABLE tool_imports (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name       text NOT NULL CHECK (name ~ '^[a-zA-Z0-9_-]{1,64}$'),
    url        text,
    title      text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- `source` of tools that an MCP server offers.
CREATE TABLE mcp_servers (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name       text NOT NULL CHECK (name ~ '^[a-zA-Z0-9_-]{1,64}$'),
    server_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    url        text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2048),
    security   jsonb NOT NULL DEFAULT '[]',
    protocol   text CHECK (char_length(protocol) BETWEEN 1 AND 50),
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- What a server offered when it was last asked, and what an admin has accepted of it, by hash.
CREATE TABLE mcp_server_tools (
    tenant_id    uuid NOT NULL,
    server       text NOT NULL,
    tool         text NOT NULL CHECK (char_length(tool) BETWEEN 1 AND 200),
    offered      jsonb,
    offered_pin  bytea CHECK (length(offered_pin) = 32),
    accepted_pin bytea CHECK (length(accepted_pin) = 32),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, server, tool),
    CHECK ((offered IS NULL) = (offered_pin IS NULL)),
    CHECK (offered_pin IS NOT NULL OR accepted_pin IS NOT NULL),
    FOREIGN KEY (tenant_id, server) REFERENCES mcp_servers ON DELETE CASCADE
);

CALL protect_tenant_table('tools');
CALL protect_tenant_table('tool_versions');
CALL protect_tenant_table('tool_policies');
CALL protect_tenant_table('tool_grants');
CALL protect_tenant_table('tool_calls');
CALL protect_tenant_table('tool_approvals');
CALL protect_tenant_table('vault_keys');
CALL protect_tenant_table('vault_secrets');
CALL protect_tenant_table('oauth_authorizations');
CALL protect_tenant_table('oauth_renewals');
CALL protect_tenant_table('tool_imports');
CALL protect_tenant_table('mcp_servers');
CALL protect_tenant_table('mcp_server_tools');

GRANT SELECT, INSERT, UPDATE, DELETE ON tools, tool_policies, tool_grants, tool_approvals, vault_keys, vault_secrets,
    oauth_authorizations, oauth_renewals, tool_imports, mcp_servers, mcp_server_tools TO atrium_app;
GRANT SELECT, INSERT ON tool_versions TO atrium_app;
GRANT SELECT, INSERT, UPDATE ON tool_calls TO atrium_app;
