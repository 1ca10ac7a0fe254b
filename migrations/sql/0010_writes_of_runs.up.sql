-- What a run wrote on a checkpoint of an earlier one can be undone with it.

ALTER TABLE checkpoint_writes ADD COLUMN run_id text;
