"""Which part of a host name belongs to somebody: the public suffix list that tldextract carries."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract


@lru_cache(maxsize=1024)
def is_public_suffix(host: str) -> bool:
    """Whether anybody may register names below this host: `com`, `co.uk`, `github.io`."""
    found = _suffixes()(host)
    return bool(found.suffix) and not found.domain


@lru_cache(maxsize=1)
def _suffixes() -> TLDExtract:
    import tldextract  # brings requests

    # No network, no cache directory: the list that came with the package, and nothing else.
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
