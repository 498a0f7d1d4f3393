"""What a file is, by its bytes: names and declared types are claims of whoever sent it (domain.md section 8)."""

from __future__ import annotations

from typing import Final

# The signatures of the allowed types, each at offset 0: PNG (ISO/IEC 15948), JPEG (SOI and the next
# marker), GIF87a and GIF89a, PDF (ISO 32000). WebP is a RIFF container and is asked for by itself.
_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def file_type(content: bytes) -> str | None:
    """Return the media type of an allowed file, or None for anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if content.startswith(signature)), None)
