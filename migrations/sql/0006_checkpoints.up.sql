-- The saver knows no tenants: its thread ids are "<tenant id>:<thread id>", and the policy reads the first half.
DO $$
DECLARE
    checkpoint_table text;
BEGIN
    FOREACH checkpoint_table IN ARRAY ARRAY['checkpoints', 'checkpoint_blobs', 'checkpoint_writes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', checkpoint_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', checkpoint_table);
        EXECUTE format('CREATE POLICY app_access ON %I TO atrium_app USING (true) WITH CHECK (true)', checkpoint_table);
        EXECUTE format(
            'CREATE POLICY tenant_isolation ON %I AS RESTRICTIVE TO atrium_app '
            'USING (split_part(thread_id, '':'', 1) = (SELECT current_setting(''app.tenant_id'', true))) '
            'WITH CHECK (split_part(thread_id, '':'', 1) = (SELECT current_setting(''app.tenant_id'', true)))',
            checkpoint_table
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO atrium_app', checkpoint_table);
    END LOOP;
END
$$;
