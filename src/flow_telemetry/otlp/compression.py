"""Compression of request bodies, which are stored and usually sent in gzip."""

from __future__ import annotations

import gzip
import zlib

# Level 6 takes half the time of 9, for a few percent more bytes.
_LEVEL = 6
# A request of this program has about 1 MB, that of a tool at most some megabytes.
MOST_BODY_BYTES = 64_000_000


def compress(body: bytes) -> bytes:
    """Return a body in gzip; equal for equal bodies."""
    return gzip.compress(body, _LEVEL, mtime=0)


def decompress(data: bytes, most: int = MOST_BODY_BYTES) -> bytes:
    """Return the body of gzip data.

    Raises:
        ValueError: the data is damaged or cut off, or the body has more than ``most`` bytes.
    """
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        body = stream.decompress(data, most + 1)
    except zlib.error as error:
        raise ValueError("not complete gzip data") from error
    if len(body) > most:
        raise ValueError(f"more than {most} bytes after decompression")
    if not stream.eof:
        raise ValueError("not complete gzip data")
    return body


def encode_content(data: bytes, encoding: str) -> bytes:
    """Return gzip data as the body of a request with the content encoding gzip, deflate or none."""
    if encoding == "gzip":
        return data
    body = decompress(data)
    return zlib.compress(body, _LEVEL) if encoding == "deflate" else body
