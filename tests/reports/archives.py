"""Archives of a run's logs, as GitHub gives them."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

CHECKOUT = """\ufeff2026-11-24T03:43:00.1234567Z ##[group]Run actions/checkout@v4
2026-11-24T03:43:00.2000000Z with:
2026-11-24T03:43:00.3000000Z ##[endgroup]
2026-11-24T03:43:01.0000000Z \x1b[36;1mSyncing\x1b[0m repository
"""
PYTEST = """2026-11-24T03:43:02.0000000Z collecting\r10 %\r100 %
  a line without a time
2026-11-24T03:43:03.0000000Z ##[error]Process completed with exit code 1.
2026-11-24T03:43:04.0000000Z ##[warning]Node 16 is old
"""


def archive(files: dict[str, str | bytes]) -> bytes:
    """A zip archive of those files."""
    stream = BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return stream.getvalue()


PER_STEP = archive(
    {
        "0_test (3.12).txt": CHECKOUT + PYTEST,
        "test (3.12)/system.txt": "not a step",
        "test (3.12)/1_Run actionscheckout@v4.txt": CHECKOUT,
        "test (3.12)/3_Run pytest.txt": PYTEST,
    }
)
PER_JOB = archive({"0_test (3.12).txt": CHECKOUT + PYTEST, "-7_lint.txt": PYTEST})
