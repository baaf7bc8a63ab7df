"""Work-item keys in branch, title, commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from flow_telemetry.identity import upper
from flow_telemetry.model.item_key import ItemKey

# What looks like a key of Jira and is none: names with a number, which titles are full of.
#
# They matter only where the project keys (input `jira-projects`) are not given.

# Standards, algorithms, products and registers: never the key of a project, in either case.
_NAMES = """
AES ANSI ASN BASE BCP BIP BLAKE BLAKE2 BOM BSD CAPEC CISA CP CRC CURVE CVE CVSS CWE DES DIN DSA
EAN EC ECMA ED EIP EN EP ERC ES ETSI FIPS FP GDPR GHSA GLEP GO GPL GPT HDMI HMAC HTTP HTTPS IEC
IEEE IETF IPV ISBN ISO ISSN JDK JEP JIS JRE JSR JWT KEP KOI KOI8 LATIN LGPL LTS MD MD5 MP MPEG
MPL NIST NTLM OAUTH OSV OWASP PBKDF PBKDF2 PCI PDF PEP PKCS POSIX PSR PY PYSEC RFC RHSA RIPEMD
RSA RUSTSEC SHA SHA1 SHA2 SHA256 SHA3 SHA512 SOC SOCKS SQL SSL TLS TLSV UCS USB USN UTF UUID
WCAG WIN WINDOWS XEP XSA
"""

# Words that begin a branch's name and go on with a number. Projects may be called so: written in
# upper case they are keys.
_WORDS = """
ALPHA ALPINE ANGULAR ATTEMPT BACKPORT BETA BRANCH BUG BUILD BUMP CHANGE CHAPTER CHECKOUT CHERRY
COMMIT COPY DAY DEBIAN DEMO DEV DJANGO DOTNET DRAFT EPIC EXAMPLE FEATURE FEDORA FIX FIXES HOTFIX
ISSUE ISSUES ITEM JAVA LEVEL LIB MACOS MAIN MERGE MILESTONE NET NEXT NODE NODEJS PAGE PART PATCH
PHASE PHP POSTGRES PR PULL PYTHON RAILS RC REACT RELEASE REQUEST REV REVERT ROUND RUBY RUST
SPRINT STABLE STAGE STEP STORY TASK TEST TICKET TODO TOP TRY UBUNTU UPDATE UPGRADE VER VERSION
VUE WEEK WIP YEAR
"""

NOT_PROJECT_KEYS = frozenset(_NAMES.split())
BRANCH_WORDS = frozenset(_WORDS.split())


# Finding the keys of work items where a key can stand: branch, title and oldest commit message.
#
# Titles and branches are anybody's text, and a wrong key would hang a change under a stranger's
# story. So a key counts only where people put one, and never in running prose.

# A title of GitHub has 256 characters at most; whatever is longer is no place to look for keys.
_MOST_CHARACTERS = 512
_KEY = r"[A-Za-z][A-Za-z0-9_]*-[1-9][0-9]{0,9}"
_SEPARATORS = r"[\s,;&/|+]+"

# `lodash-4.17.21` is a package and its version, so no dot may follow.
_SEGMENT = re.compile(rf"({_KEY})(?=$|[-_])")
# What may stand before the first key of a title: `[backend] `, `fix: `, `feat(cart)!: `.
_BEFORE = re.compile(r"\s*(?:\[[^\[\]]*\]\s*)*(?:[A-Za-z]+(?:\([^()]*\))?!?:\s*)?")
_FIRST = re.compile(rf"\s*({_KEY})(?![A-Za-z0-9_-]|\.[0-9])")
_NEXT = re.compile(rf"\s*[,;&/|+]\s*({_KEY})(?![A-Za-z0-9_-]|\.[0-9])")
_SQUARE = re.compile(r"\[([^\[\]]*)\]")
_ROUND = re.compile(r"\(([^()]*)\)")
_SCOPE = re.compile(r"\s*[A-Za-z]+\(([^()]*)\)!?:")

# Branches of the bots that raise versions are full of packages and their numbers.
_BOT_BRANCHES = ("dependabot/", "renovate/")
_PROJECT_LENGTHS = range(2, 11)


class KeyPlace(Enum):
    """Where a key was found, as words that go on `its key is in the …`."""

    BRANCH = "branch"
    TITLE = "title"
    COMMIT = "oldest commit message"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """A key, and where it was found first."""

    key: ItemKey
    place: KeyPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraKeys:
    """Whether keys of Jira count, and if any are given, those of which projects only."""

    enabled: bool = False
    projects: frozenset[str] = frozenset()

    @property
    def named(self) -> frozenset[str]:
        """The project keys in upper case."""
        return frozenset(map(upper, self.projects))


def find_item_keys(
    *, branch: str, title: str, commit_message: str, jira: JiraKeys
) -> tuple[FoundKey, ...]:
    """Return the keys of a change, each once: those of the branch, the title, the oldest commit.

    In a branch a key begins a segment, in either case. In the title and in the message's first
    line it is upper case and at the start, after a type (`fix: …`), in a scope or in brackets.
    ``GH-17`` is issue 17 of the run's repository, unless Jira has a project of that name.
    """
    places = (
        (KeyPlace.BRANCH, _in_branch(branch, jira)),
        (KeyPlace.TITLE, _in_title(title, jira)),
        (KeyPlace.COMMIT, _in_title(commit_message.strip().partition("\n")[0], jira)),
    )
    found: dict[ItemKey, KeyPlace] = {}
    for place, keys in places:
        for key in keys:
            found.setdefault(key, place)
    return tuple(FoundKey(key=key, place=place) for key, place in found.items())


def _in_branch(branch: str, jira: JiraKeys) -> Iterator[ItemKey]:
    if branch.startswith(_BOT_BRANCHES):
        return
    for segment in branch[:_MOST_CHARACTERS].split("/"):
        match = _SEGMENT.match(segment)
        if match and (key := _key(match.group(1), jira)):
            yield key


def _in_title(title: str, jira: JiraKeys) -> Iterator[ItemKey]:
    tokens = sorted(_tokens(title[:_MOST_CHARACTERS]), key=lambda found: found[0])
    return (key for _, token in tokens if token == upper(token) and (key := _key(token, jira)))


def _tokens(title: str) -> Iterator[tuple[int, str]]:
    """What has the form of a key at a place for keys, with its position."""
    yield from _at_start(title)
    for match in _SQUARE.finditer(title):
        yield from _listed(match)
    if scope := _SCOPE.match(title):
        yield from _listed(scope)
    for match in _ROUND.finditer(title):
        # Round brackets hold prose too: keys are read where there is nothing else.
        listed = list(_listed(match))
        if len(listed) == len(_split(match.group(1))):
            yield from listed


def _at_start(title: str) -> Iterator[tuple[int, str]]:
    before = _BEFORE.match(title)
    match = _FIRST.match(title, before.end() if before else 0)
    while match:
        yield match.start(1), match.group(1)
        match = _NEXT.match(title, match.end())


def _listed(brackets: re.Match[str]) -> Iterator[tuple[int, str]]:
    inside = _split(brackets.group(1))
    return ((brackets.start(1), word) for word in inside if re.fullmatch(_KEY, word))


def _split(text: str) -> list[str]:
    return [word for word in re.split(_SEPARATORS, text) if word]


def _key(token: str, jira: JiraKeys) -> ItemKey | None:
    project, _, number = upper(token).rpartition("-")
    if project == "GH" and "GH" not in jira.named:
        return ItemKey(tracker="github", key=number)
    if jira.enabled and _is_project(project, jira.named, written_up=token == upper(token)):
        return ItemKey(tracker="jira", key=f"{project}-{number}")
    return None


def _is_project(project: str, named: frozenset[str], *, written_up: bool) -> bool:
    """Whether it can be a project of Jira: one of the named, or else no look-alike."""
    if named:
        return project in named
    if len(project) not in _PROJECT_LENGTHS or project in NOT_PROJECT_KEYS:
        return False
    return written_up or project not in BRANCH_WORDS
