"""What a file is, by its bytes: names and declared types are claims of whoever sent it (domain.md section 8)."""

from typing import Final

# The signatures of the allowed types, each at offset 0, and how many bytes the smallest whole file of the type has:
# PNG (ISO/IEC 15948: signature, header and end), JPEG (ITU-T T.81: SOI, frame, scan, EOI), GIF87a and GIF89a (header,
# screen, trailer), PDF (ISO 32000), whose readers take any length. WebP is a RIFF container and is asked for by itself.
_SIGNATURES: Final[tuple[tuple[bytes, int, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", 45, "image/png"),
    (b"\xff\xd8\xff", 27, "image/jpeg"),
    (b"GIF87a", 14, "image/gif"),
    (b"GIF89a", 14, "image/gif"),
    (b"%PDF-", 8, "application/pdf"),
)
_WEBP_LENGTH: Final = 30
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def file_type(content: bytes) -> str | None:
    """Return the media type of an allowed file, or None for anything else, also for no more than its first bytes."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp" if len(content) >= _WEBP_LENGTH else None
    # Programs that write a PDF as a text put a mark before it; every reader skips it.
    if content.startswith(_BYTE_ORDER_MARK + b"%PDF-"):
        content = content.removeprefix(_BYTE_ORDER_MARK)
    found = (kind for mark, least, kind in _SIGNATURES if content.startswith(mark) and len(content) >= least)
    return next(found, None)
