# Two stages: one that installs from the pinned, hashed lock, one that runs without any build tool or root.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements/uv.txt requirements/runtime.txt requirements/
RUN python -m pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
 && uv venv .venv \
 && uv pip install --python .venv/bin/python --no-cache --require-hashes -r requirements/runtime.txt
COPY core core
COPY retrieval retrieval
# The embedding model is quantized once, here, where the environment can still be written.
RUN .venv/bin/python -c "from retrieval.local_embeddings import LocalEmbeddings; LocalEmbeddings()"

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libmagic1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 atrium
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY core core
COPY tenants tenants
COPY retrieval retrieval
COPY tools tools
COPY ingest ingest
COPY graphs graphs
COPY agents agents
COPY api api
COPY migrations migrations
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ATRIUM_HOST=0.0.0.0
USER atrium
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
CMD ["python", "-m", "api"]
