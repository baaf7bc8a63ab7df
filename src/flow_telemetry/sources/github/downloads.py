"""Files that GitHub gives by a redirect to where they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import PayloadError

if TYPE_CHECKING:
    from requests import Response

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of at most ``limit`` bytes, read ``until`` then; ``what`` is how errors name it.

    It goes ``into`` an open one where that is given.
    """

    what: str
    limit: int
    until: Deadline
    into: IO[bytes] | None = None

    def read(self, response: Response) -> bytes:
        """Return the bytes of an answer; none where they went into the open file.

        Raises:
            PayloadError: there are more than may be; no more are read.
            OSError: the open file cannot be written.
        """
        refused = response.status_code != 200
        into = BytesIO() if self.into is None or refused else self.into
        into.seek(0)
        into.truncate()
        size = 0
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > self.limit:
                raise PayloadError(f"{self.what} has more than {self.limit:,} bytes")
            into.write(piece)
        return into.getvalue() if isinstance(into, BytesIO) else b""
