"""Traces as one self-contained HTML page, without network access or other files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flow_telemetry.report.text import html

_LONGEST_NAME = 200
# Of the characters of JSON, only these could end its element, or begin another one in it.
_MARKUP = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAssets:
    """The style sheet and the script of the page."""

    style: str
    script: str


def page(data: Mapping[str, Any], title: str, assets: PageAssets) -> str:
    """Return an HTML page that draws the data of `page_data`.

    Its policy allows this style sheet and this script, by their hashes, and no request. The script
    writes texts as texts: browsers that know trusted types refuse anything else.
    """
    heading = html(title, _LONGEST_NAME)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(assets.script)}",
            f"style-src {_hash(assets.style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    # Without other characters than those of ASCII, so that lone surrogates can be written too.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True).translate(_MARKUP)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{heading}</title><style>{assets.style}</style></head>\n"
        f'<body><header><h1>{heading}</h1></header><main id="main">'
        "<noscript><p>The script of this page draws it. It is in the page itself and requests "
        "nothing; allow JavaScript to see the traces.</p></noscript></main>\n"
        f'<script type="application/json" id="data">{text}</script>\n'
        f"<script>{assets.script}</script></body></html>\n"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
