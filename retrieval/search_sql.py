"""The two statements of a search: every chunk of the tenant scored, or only the candidates of two indexes.

Both give the columns of `Hit`, and order ties by document and position.
"""

from typing import LiteralString

# `scored` has a row for each chunk worth ranking. Each leg counts half, as a share of its best score: on XQuAD
# (en, de, es) and CLAPnq this beats both legs, where reciprocal ranks let the weak one drag the strong one down.
_RANKED: LiteralString = """
, best AS MATERIALIZED (
    SELECT nullif(greatest(max(dense_score), 0), 0) AS dense, nullif(max(lexical_score), 0) AS lexical FROM scored
), ranked AS (
    SELECT scored.*,
           0.5 * coalesce(dense_score / best.dense, 0) + 0.5 * coalesce(lexical_score / best.lexical, 0) AS score
    FROM scored CROSS JOIN best
    ORDER BY score DESC, document_id, ordinal
    LIMIT %(limit)s
)
SELECT document_id, d.name AS document_name, c.knowledge_base_id, version, ordinal, c.text, c.headings,
       c.page_start, c.page_end, c.char_start AS start, c.char_end AS "end",
       score, dense_score, lexical_score
FROM ranked
JOIN chunks c USING (document_id, version, ordinal)
JOIN documents d USING (document_id)
WHERE c.tenant_id = %(tenant_id)s AND c.slot = %(slot)s AND d.tenant_id = %(tenant_id)s
ORDER BY score DESC, document_id, ordinal
"""

SHARED_SLOT: LiteralString = (
    """
WITH scored AS MATERIALIZED (
    SELECT document_id, version, ordinal,
           1 - (embedding <=> %(embedding)s) AS dense_score,
           -(terms <#> %(terms)s) AS lexical_score
    FROM chunks
    WHERE tenant_id = %(tenant_id)s AND slot = %(slot)s
      AND (%(knowledge_base_ids)s::uuid[] IS NULL OR knowledge_base_id = ANY(%(knowledge_base_ids)s))
)"""
    + _RANKED
)

# By meaning the 300 nearest; by words the 300 best among each term's 1,000 heaviest chunks.
OWN_SLOT: LiteralString = (
    """
WITH dense AS MATERIALIZED (
    SELECT document_id, version, ordinal
    FROM chunks
    WHERE tenant_id = %(tenant_id)s AND slot = %(slot)s
      AND (%(knowledge_base_ids)s::uuid[] IS NULL OR knowledge_base_id = ANY(%(knowledge_base_ids)s))
    ORDER BY embedding <=> %(embedding)s
    LIMIT 300
), lexical AS MATERIALIZED (
    SELECT p.document_id, p.version, p.ordinal
    FROM unnest(%(term_ids)s::integer[], %(term_weights)s::real[]) AS q (term, rarity)
    CROSS JOIN LATERAL (
        SELECT document_id, version, ordinal, weight
        FROM chunk_postings
        WHERE tenant_id = %(tenant_id)s AND term = q.term
          AND (%(knowledge_base_ids)s::uuid[] IS NULL OR knowledge_base_id = ANY(%(knowledge_base_ids)s))
        ORDER BY weight DESC, document_id DESC, version DESC, ordinal DESC
        LIMIT 1000
    ) p
    GROUP BY p.document_id, p.version, p.ordinal
    ORDER BY sum(p.weight * q.rarity) DESC, p.document_id, p.ordinal
    LIMIT 300
), scored AS MATERIALIZED (
    SELECT document_id, version, ordinal,
           1 - (c.embedding <=> %(embedding)s) AS dense_score,
           -(c.terms <#> %(terms)s) AS lexical_score
    FROM (SELECT * FROM dense UNION SELECT * FROM lexical) candidates
    JOIN chunks c USING (document_id, version, ordinal)
    WHERE c.tenant_id = %(tenant_id)s AND c.slot = %(slot)s
)"""
    + _RANKED
)
