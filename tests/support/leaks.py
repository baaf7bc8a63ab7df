"""All that a call let out of the program, to search for what must never be there.

leaks.everything(result, receiver)   # what was sent, printed and written, as one text
leaks.sent(receiver)                 # the bytes of the requests alone, unpacked
"""

from __future__ import annotations

import gzip

from tests.fakes.receiver import Receiver
from tests.support.program import Result
from tests.support.spool import text_of

_GZIP = b"\x1f\x8b"


def sent(receiver: Receiver) -> bytes:
    """Return the bodies of all requests as the backend unpacks them."""
    bodies = (each.body for each in list(receiver.requests))
    return b"\n".join(gzip.decompress(b) if b.startswith(_GZIP) else b for b in bodies)


def everything(result: Result, receiver: Receiver) -> str:
    """Return requests, log, annotations, outputs, summary and spool as one text."""
    spool = map(text_of, result.spool_files)
    texts = (result.log, result.summary, *result.outputs.values(), *spool)
    return "\n".join([sent(receiver).decode("utf-8", "replace"), *texts])
