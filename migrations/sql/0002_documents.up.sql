-- What a tenant uploads. A document points at its newest ready version; older bytes stay until it is deleted.

CREATE TABLE knowledge_bases (
    tenant_id         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    knowledge_base_id uuid NOT NULL,
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    description       text NOT NULL DEFAULT '' CHECK (char_length(description) <= 2000),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, knowledge_base_id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE blobs (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    sha256     bytea NOT NULL CHECK (octet_length(sha256) = 32),
    data       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sha256)
);
-- Documents arrive compressed already: spare the attempt.
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE documents (
    tenant_id         uuid NOT NULL,
    document_id       uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    ready_version     integer,
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, document_id),
    UNIQUE (tenant_id, knowledge_base_id, name),
    FOREIGN KEY (tenant_id, knowledge_base_id) REFERENCES knowledge_bases ON DELETE CASCADE
);

CREATE TABLE document_versions (
    tenant_id       uuid NOT NULL,
    document_id     uuid NOT NULL,
    version         integer NOT NULL CHECK (version > 0),
    sha256          bytea NOT NULL,
    bytes           bigint NOT NULL,
    status          text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'loading', 'embedding', 'ready', 'failed')),
    error_code      text,
    error_detail    text,
    pages           integer,
    chunks          integer,
    embedding_model text,
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, document_id, version),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, sha256) REFERENCES blobs
);
CREATE INDEX document_versions_blob ON document_versions (tenant_id, sha256);

CALL protect_tenant_table('knowledge_bases');
CALL protect_tenant_table('blobs');
CALL protect_tenant_table('documents');
CALL protect_tenant_table('document_versions');

GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_bases, blobs, documents, document_versions TO atrium_app;
