DROP TABLE store_vectors, store_items, crons, run_queue, event_batches, thread_heads, assistant_versions, assistants;
