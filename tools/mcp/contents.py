"""What a tool of a server answers, as text for the model."""

import json

import mcp_types


def text_of(result: mcp_types.CallToolResult) -> str:
    """Its text; of what is none, a line that says what it is. Without any text, its structured content as JSON."""
    lines = [_line(block) for block in result.content]
    if result.structured_content is not None and not any(map(_is_text, result.content)):
        lines.insert(0, json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":")))
    return "\n".join(lines)


def size_of(result: mcp_types.CallToolResult) -> int:
    """In bytes, as JSON."""
    return len(result.model_dump_json(by_alias=True, exclude_none=True))


def _is_text(block: mcp_types.ContentBlock) -> bool:
    return isinstance(block, mcp_types.TextContent) and bool(block.text.strip())


def _line(block: mcp_types.ContentBlock) -> str:
    match block:
        case mcp_types.TextContent():
            return block.text
        case mcp_types.EmbeddedResource():
            return _resource(block.resource)
        case mcp_types.ResourceLink():
            return f"[link to the resource {block.uri}: {block.title or block.name}]"
        case mcp_types.ImageContent() | mcp_types.AudioContent():
            return _binary(block.type, block.mime_type, block.data)


def _resource(resource: mcp_types.TextResourceContents | mcp_types.BlobResourceContents) -> str:
    if isinstance(resource, mcp_types.TextResourceContents):
        return f"[resource {resource.uri}]\n{resource.text}"
    return _binary(f"resource {resource.uri}", resource.mime_type, resource.blob)


def _binary(what: str, media_type: str | None, base64: str) -> str:
    size = len(base64.rstrip("=")) * 3 // 4
    return f"[{what}, {media_type or 'binary'}, {size} bytes, which cannot be shown as text]"
