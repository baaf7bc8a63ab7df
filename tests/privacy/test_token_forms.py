"""The table of tokens' forms is what its generator makes of rules like those of gitleaks."""

from __future__ import annotations

import sys

import pytest

from flow_telemetry.privacy import token_forms

# Made up, in the form of gitleaks' rules.
RULES = r"""
[[rules]]
id = "plain"
regex = '''\b(acme_(?:test|live)_[a-f0-9]{40})(?:[\x60'"\s;]|\\[nr]|$)'''
[[rules]]
id = "short, and the case does not count"
regex = '''(?i)\b(ac_[a-z0-9]{30})\b'''
[[rules]]
id = "a word"
regex = '''ACMEk[A-Za-z0-9]{40}'''
[[rules]]
id = "behind a name"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:=|>)[\x60'"\s=]{0,5}(ACK-[a-z0-9]{27})(?:[\x60'"\s;]|$)'''
[[rules]]
id = "behind a name, with a beginning of many"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:=|>)[\x60'"\s=]{0,5}(key-[a-z0-9]{27})(?:[\x60'"\s;]|$)'''
[[rules]]
id = "a digest"
regex = '''\b(4b1d[a-f0-9]{38})\b'''
[[rules]]
id = "a text within"
regex = '''pat\.[a-z]{22}\.[a-z]{24}'''
[[rules]]
id = "our own"
regex = '''ghp_[0-9a-zA-Z]{36}'''
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 nothing reads TOML")
def test_beginnings_characters_and_lengths_are_taken_from_the_rules() -> None:
    """Short beginnings and words need more characters, and ambiguous ones are left out."""
    from tools.update_token_forms import read_forms  # noqa: PLC0415 - needs Python 3.11

    assert sorted(read_forms(RULES)) == [
        ("ACK-", "a-zA-Z0-9", 20),
        ("ACMEk", "a-zA-Z0-9", 40),
        ("ac_", "a-zA-Z0-9", 30),
        ("acme_live_", "a-f0-9", 20),
        ("acme_test_", "a-f0-9", 20),
    ]


def test_the_table_names_its_source() -> None:
    """With the version and the digest of the rules."""
    assert "gitleaks v8." in (token_forms.__doc__ or "")
    assert "SHA-256" in (token_forms.__doc__ or "")
