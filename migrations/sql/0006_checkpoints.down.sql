DROP TABLE checkpoint_writes, checkpoint_values, checkpoints;
