DROP TABLE idempotency_keys, usage_records, messages, runs, threads;
