"""The error of a contract that is broken."""

from __future__ import annotations


class ContractError(AssertionError):
    """A payload that GitHub's description does not allow."""
