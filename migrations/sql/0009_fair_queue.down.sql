DROP INDEX run_queue_waiting;
