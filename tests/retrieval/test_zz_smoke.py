from uuid import uuid4

from retrieval import chunks
from retrieval.chunks import NewChunk
from retrieval.embeddings import LocalEmbeddings
from retrieval.promotion import promote_if_outgrown
from retrieval.retriever import Retriever
from tests.conftest import *
from tests.factories import *


async def test_it(database, acme, globex):
    kb = await add_knowledge_base(database, acme)
    e = LocalEmbeddings()
    d = uuid4()
    cs = [
        NewChunk(i, t, ("Handbook",), 1, 1, 0, len(t))
        for i, t in enumerate(
            ["Parental leave is 16 weeks.", "The office dog is called Rex.", "Travel by train is preferred."]
        )
    ]
    for _ in range(2):
        async with database.tenant_transaction(acme) as c:
            await c.execute(
                "INSERT INTO documents (tenant_id,document_id,knowledge_base_id,name) VALUES(%s,%s,%s,'x') ON CONFLICT DO NOTHING",
                (acme.tenant_id, d, kb),
            )
            await chunks.replace(
                c,
                acme,
                knowledge_base_id=kb,
                document_id=d,
                version=1,
                chunks=cs,
                embeddings=e.embed([x.indexed_text for x in cs]),
            )
    r = Retriever(database, e)
    print(await r.search(acme, "how long is parental leave?", knowledge_base_ids=None))
    a = await r.search(acme, "how long is parental leave?", knowledge_base_ids=[kb])
    assert await promote_if_outgrown(database, acme, 3)
    assert await r.search(acme, "how long is parental leave?", knowledge_base_ids=[kb]) == a
    async with database.tenant_transaction(acme) as c:
        await chunks.delete(c, acme, document_id=d)
        for t in ("chunks", "chunk_terms", "chunk_postings"):
            assert (await (await c.execute(f"select count(*) from {t}")).fetchone())["count"] == 0
