DROP TABLE chunk_postings, chunk_terms, chunk_statistics, free_chunk_slots, chunks;
DROP FUNCTION term_weights;
