-- What is searched. Slot 0 is shared and scanned exactly; a tenant that outgrows it moves to a slot of its own.

CREATE EXTENSION IF NOT EXISTS vector;

-- The weighted terms of a chunk as rows. pgvector can only print them, counting from 1: {18:1.3,43:0.9}/1000000000
CREATE FUNCTION term_weights(terms sparsevec) RETURNS TABLE (term integer, weight real)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT split_part(entry, ':', 1)::integer - 1, split_part(entry, ':', 2)::real
    FROM string_to_table(nullif(btrim(split_part(terms::text, '/', 1), '{}'), ''), ',') AS entry
$$;

CREATE TABLE chunks (
    tenant_id         uuid NOT NULL,
    slot              smallint NOT NULL,
    document_id       uuid NOT NULL,
    version           integer NOT NULL,
    ordinal           integer NOT NULL CHECK (ordinal >= 0),
    knowledge_base_id uuid NOT NULL,
    page_start        integer,
    page_end          integer,
    char_start        integer NOT NULL,
    char_end          integer NOT NULL,
    embedding         halfvec(:dimensions) NOT NULL,
    terms             sparsevec(1000000000) NOT NULL,
    headings          text[] NOT NULL,
    text              text NOT NULL,
    PRIMARY KEY (tenant_id, slot, document_id, version, ordinal),
    -- No cascade: whoever deletes a document deletes its chunks first, and with them their share of the statistics.
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents
) PARTITION BY LIST (slot);
CREATE INDEX chunks_knowledge_base ON chunks (tenant_id, knowledge_base_id);
-- A scan reads vectors and terms in place and skips the text.
ALTER TABLE chunks
    ALTER COLUMN embedding SET STORAGE MAIN,
    ALTER COLUMN terms SET STORAGE MAIN,
    ALTER COLUMN text SET STORAGE EXTERNAL;

CREATE TABLE chunks_shared PARTITION OF chunks FOR VALUES IN (0) PARTITION BY HASH (tenant_id);
CALL protect_tenant_table('chunks');
CALL protect_tenant_table('chunks_shared');

DO $$
BEGIN
    FOR remainder IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE chunks_shared_%s PARTITION OF chunks_shared FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            remainder, remainder
        );
        CALL protect_tenant_table(format('chunks_shared_%s', remainder)::regclass);
    END LOOP;
    -- Made ahead, empty: promotion is then plain DML that the application role may do.
    FOR slot IN 1..32 LOOP
        EXECUTE format('CREATE TABLE chunks_slot_%s PARTITION OF chunks FOR VALUES IN (%s)', slot, slot);
        EXECUTE format('CREATE INDEX ON chunks_slot_%s USING hnsw (embedding halfvec_cosine_ops)', slot);
        CALL protect_tenant_table(format('chunks_slot_%s', slot)::regclass);
    END LOOP;
END
$$;

-- The slots nobody has; it names no tenant, so every tenant may take from it.
CREATE TABLE free_chunk_slots (slot smallint PRIMARY KEY);
INSERT INTO free_chunk_slots SELECT generate_series(1, 32);

-- One row per tenant: how many chunks it has, and the lock that its writers take.
CREATE TABLE chunk_statistics (
    tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    chunks    bigint NOT NULL
);

-- In how many of the tenant's chunks a term occurs.
CREATE TABLE chunk_terms (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    term      integer NOT NULL,
    chunks    integer NOT NULL,
    PRIMARY KEY (tenant_id, term)
);

-- The inverted index of tenants with a slot of their own; the others' terms are scanned.
CREATE TABLE chunk_postings (
    tenant_id         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    term              integer NOT NULL,
    weight            real NOT NULL,
    document_id       uuid NOT NULL,
    version           integer NOT NULL,
    ordinal           integer NOT NULL,
    knowledge_base_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, term, weight, document_id, version, ordinal) INCLUDE (knowledge_base_id)
);

CALL protect_tenant_table('chunk_statistics');
CALL protect_tenant_table('chunk_terms');
CALL protect_tenant_table('chunk_postings');

GRANT SELECT, INSERT, UPDATE, DELETE ON chunks, chunk_statistics, chunk_terms, chunk_postings TO atrium_app;
GRANT SELECT, UPDATE, DELETE ON free_chunk_slots TO atrium_app;
