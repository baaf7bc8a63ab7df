"""What a page says: its title, and the data that its script draws."""

from __future__ import annotations

import json
import re
from typing import Any


def title_of(page: str) -> str:
    """Return the title, as it is escaped for HTML."""
    (title,) = re.findall("<title>(.*?)</title>", page)
    return str(title)


def data_of(page: str) -> Any:
    """Return the data."""
    return json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
