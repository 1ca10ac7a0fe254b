-- Who is who. Users are global; everything else belongs to one tenant.

CREATE PROCEDURE protect_tenant_table(tenant_table regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY app_access ON %s TO atrium_app USING (true) WITH CHECK (true)', tenant_table);
    -- Restrictive: no policy that anyone adds later can widen it. The sub-select runs once per query.
    EXECUTE format(
        'CREATE POLICY tenant_isolation ON %s AS RESTRICTIVE TO atrium_app '
        'USING (tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)) '
        'WITH CHECK (tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid))',
        tenant_table
    );
END
$$;
REVOKE ALL ON PROCEDURE protect_tenant_table FROM PUBLIC;

CREATE TABLE tenants (
    tenant_id  uuid PRIMARY KEY,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9]){1,62}$'),
    chunk_slot smallint NOT NULL DEFAULT 0 CHECK (chunk_slot >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    user_id       uuid PRIMARY KEY,
    email         text NOT NULL CHECK (char_length(email) <= 320),
    name          text NOT NULL CHECK (char_length(name) <= 200),
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE memberships (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE api_keys (
    tenant_id  uuid NOT NULL,
    api_key_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    prefix     text NOT NULL,
    key_hash   bytea NOT NULL UNIQUE,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, api_key_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);

CREATE TABLE refresh_tokens (
    tenant_id  uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    family_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (tenant_id, family_id);

CALL protect_tenant_table('tenants');
CALL protect_tenant_table('memberships');
CALL protect_tenant_table('api_keys');
CALL protect_tenant_table('refresh_tokens');

GRANT SELECT, INSERT, UPDATE ON tenants TO atrium_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships, api_keys, refresh_tokens TO atrium_app;
-- The application role adds people but can read no password hash.
GRANT INSERT ON users TO atrium_app;

GRANT SELECT ON tenants, users, memberships, api_keys, refresh_tokens TO atrium_auth;
CREATE POLICY identity_lookup ON tenants FOR SELECT TO atrium_auth USING (true);
CREATE POLICY identity_lookup ON memberships FOR SELECT TO atrium_auth USING (true);
CREATE POLICY identity_lookup ON api_keys FOR SELECT TO atrium_auth USING (true);
CREATE POLICY identity_lookup ON refresh_tokens FOR SELECT TO atrium_auth USING (true);
