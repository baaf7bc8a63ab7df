"""Values that programs stumble over, in place of what was meant."""

from __future__ import annotations

from typing import Any

_TIMES = (
    *("2026-11-24T03:43:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2261-12-31T23:59:59.999999999Z"),
    *("2026-11-24T03:43:00+23:59", "2026-11-24T03:43:00-99:99", "2026-02-30T25:61:61Z"),
    *("2026-11-24T03:43:00", "2026-11-24", "١٩٧٠-٠١-٠١T٠٠:٠٠:٠٠Z"),
    *("2026-11-24T03:43:00.000+0000", "0000-00-00T00:00:00Z", "2026-11-24T03:43:60Z"),
)
_TEXTS = (
    *("", " ", "\t\n", "\x00", "\x1b[31m\x1b]8;;http://x\x07", "\ud800", "\udfff\ud800", "\ufeff"),
    *("\u202egnp.exe", "\u2066\u2067\u2069", "\u200d" * 50, "e" + "\u0301" * 300, "\U0010ffff"),
    *("İıſß", "👩‍👩‍👧‍👦", "\u2028\u2029\x85", "\uff0e\uff0e/", "..", "../../etc/passwd", "/"),
    *("a" * 3000, "é" * 3000, "👩" * 1500, "x" * 100_000, "a/" * 2000, "-" * 4000, "9" * 5000),
    *(
        "::error::x",
        "%0A::set-env::",
        "<script>alert(1)</script>",
        "```\n# x",
        "|`|[a](b)",
        "&#x0;",
    ),
    *("acme/shop", "ACME/SHOP", "acme/shop#17", "#17", "GH-17", "ACME-57", "acme-" + "9" * 400),
    *("main", "refs/heads/main", "gh-readonly-queue/main/pr-123-" + "0" * 40, "0" * 40, "f" * 64),
    *(
        "https://github.com/acme/shop",
        "https://[",
        "http://a:b@c:99999/",
        "https://x:٣/",
        "//",
        "?",
    ),
    *("https://github.com:443/acme/shop/actions/runs/999/job/31000", "http://a b/", "javascript:x"),
    *(
        "success",
        "failure",
        "cancelled",
        "completed",
        "in_progress",
        "queued",
        "waiting",
        "skipped",
    ),
    *(
        "pull_request",
        "push",
        "merge_group",
        "schedule",
        "workflow_run",
        "closed",
        "merged",
        "OPEN",
    ),
    *("null", "true", "NaN", "1e400", "-0", "0x10", "1_000", "٣", "²", "½"),
)
_NUMBERS = (
    *(0, -1, 1, 2, 17, 123, 999, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63)),
    *(10**30, 10**400, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
)
_SHAPES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [None], [[]], [{}], {"": None}, {"id": 1}, {"nodes": None}),
    *({"nodes": [None, 1, "x", []]}, {"name": {"name": []}}, [0, "", None, {}, [[[]]]]),
)

ODD: tuple[Any, ...] = (*_SHAPES, *_NUMBERS, *_TEXTS, *_TIMES)
"""Any of them may stand at any place of an answer."""

ODD_TEXTS: tuple[str, ...] = (*_TEXTS, *_TIMES)
