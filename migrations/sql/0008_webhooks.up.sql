-- What is still to be told to the URLs that runs named: each run as it ended, even when its thread is gone by then.

CREATE TABLE webhook_deliveries (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    run_id     uuid NOT NULL,
    url        text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2048),
    payload    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, run_id)
);

-- One for each tenant, made when it is first needed: what Atrium sends is signed with it.
CREATE TABLE webhook_secrets (
    tenant_id  uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    secret     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CALL protect_tenant_table('webhook_deliveries');
CALL protect_tenant_table('webhook_secrets');

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries, webhook_secrets TO atrium_app;
