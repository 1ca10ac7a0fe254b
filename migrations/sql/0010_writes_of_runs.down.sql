ALTER TABLE checkpoint_writes DROP COLUMN run_id;
