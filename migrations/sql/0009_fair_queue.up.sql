-- The oldest run of each tenant is found without a look at those behind it.

CREATE INDEX run_queue_waiting ON run_queue (tenant, position) WHERE executor IS NULL;
