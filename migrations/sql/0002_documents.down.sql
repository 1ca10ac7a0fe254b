DROP TABLE document_versions, documents, blobs, knowledge_bases;
