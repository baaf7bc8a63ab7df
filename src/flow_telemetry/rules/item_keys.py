"""Keys of work items in branches, titles and commit messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flow_telemetry.identity import upper
from flow_telemetry.model.item_key import ItemKey

# Names with numbers that look like keys of Jira, which are frequent in titles
#
# They are used only if setting `jira-projects` is not set.

# Standards, algorithms, products and registers: not keys of projects, in upper or lower case.
_NAMES = """
AES ANSI ASN BASE BCP BIP BLAKE BLAKE2 BOM BSD CAPEC CISA CP CRC CURVE CVE CVSS CWE DES DIN DSA
EAN EC ECMA ED EIP EN EP ERC ES ETSI FIPS FP GDPR GHSA GLEP GO GPL GPT HDMI HMAC HTTP HTTPS IEC
IEEE IETF IPV ISBN ISO ISSN JDK JEP JIS JRE JSR JWT KEP KOI KOI8 LATIN LGPL LTS MD MD5 MP MPEG
MPL NIST NTLM OAUTH OSV OWASP PBKDF PBKDF2 PCI PDF PEP PKCS POSIX PSR PY PYSEC RFC RHSA RIPEMD
RSA RUSTSEC SHA SHA1 SHA2 SHA256 SHA3 SHA512 SOC SOCKS SQL SSL TLS TLSV UCS USB USN UTF UUID
WCAG WIN WINDOWS XEP XSA
"""

# Words before a number at the start of branch names. Projects can have these names: in upper case,
# they are keys.
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


# The search for keys in the branch, the title and the oldest commit message
#
# Any person can write these texts, and a wrong key would attach a change to an unrelated story. So
# keys are searched only in the usual positions, and not in prose.

# Titles on GitHub have at most 256 characters. The rest of a longer text is not searched.
_MOST_CHARACTERS = 512
_KEY = r"[A-Za-z][A-Za-z0-9_]*-[1-9][0-9]{0,9}"
_SEPARATORS = r"[\s,;&/|+]+"

# `lodash-4.17.21` is a package and its version, so no dot may follow.
_SEGMENT = re.compile(rf"({_KEY})(?=$|[-_])")
# Possible texts before the first key of a title: `[backend] `, `fix: `, `feat(cart)!: `.
_BEFORE = re.compile(r"\s*(?:\[[^\[\]]*\]\s*)*(?:[A-Za-z]+(?:\([^()]*\))?!?:\s*)?")
_FIRST = re.compile(rf"\s*({_KEY})(?![A-Za-z0-9_-]|\.[0-9])")
_NEXT = re.compile(rf"\s*[,;&/|+]\s*({_KEY})(?![A-Za-z0-9_-]|\.[0-9])")
_SQUARE = re.compile(r"\[([^\[\]]*)\]")
_ROUND = re.compile(r"\(([^()]*)\)")
_SCOPE = re.compile(r"\s*[A-Za-z]+\(([^()]*)\)!?:")

# The branches of bots that update dependencies contain packages and version numbers.
_BOT_BRANCHES = ("dependabot/", "renovate/")
_PROJECT_LENGTHS = range(2, 11)


def find_item_keys(
    *, branch: str, title: str, commit_message: str, jira_projects: frozenset[str] | None
) -> dict[ItemKey, str]:
    """Return the keys of a change, in order, each with the name of its first place.

    The places are the `branch`, the `title` and the `oldest commit message`. ``jira_projects`` are
    the keys of Jira's projects; if it is empty, all keys that can be Jira's are searched, and if it
    is None, none of them.

    In a branch, a key is at the start of a segment, in upper or lower case. In the title and in the
    first line of the message, it is in upper case, and at the start, after a type (`fix: …`), in a
    scope or in brackets. ``GH-17`` is issue 17 of the run's repository, unless Jira has a project
    of that name.
    """
    projects = None if jira_projects is None else frozenset(map(upper, jira_projects))
    places = (
        ("branch", _in_branch(branch, projects)),
        ("title", _in_title(title, projects)),
        ("oldest commit message", _in_title(commit_message.strip().partition("\n")[0], projects)),
    )
    first_places: dict[ItemKey, str] = {}
    for place, keys in places:
        for key in keys:
            first_places.setdefault(key, place)
    return first_places


def _in_branch(branch: str, projects: frozenset[str] | None) -> Iterator[ItemKey]:
    if branch.startswith(_BOT_BRANCHES):
        return
    for segment in branch[:_MOST_CHARACTERS].split("/"):
        match = _SEGMENT.match(segment)
        if match and (key := _key(match.group(1), projects)):
            yield key


def _in_title(title: str, projects: frozenset[str] | None) -> Iterator[ItemKey]:
    tokens = sorted(_tokens(title[:_MOST_CHARACTERS]), key=lambda token: token[0])
    return (key for _, token in tokens if token == upper(token) and (key := _key(token, projects)))


def _tokens(title: str) -> Iterator[tuple[int, str]]:
    """Yield words in the form of a key at the usual positions, with their index."""
    before = _BEFORE.match(title)
    first = _FIRST.match(title, before.end() if before else 0)
    while first:
        yield first.start(1), first.group(1)
        first = _NEXT.match(title, first.end())
    for match in _SQUARE.finditer(title):
        yield from _listed(match)
    if scope := _SCOPE.match(title):
        yield from _listed(scope)
    for match in _ROUND.finditer(title):
        # Round brackets can contain prose: they are read only if all words are keys.
        listed = list(_listed(match))
        if len(listed) == len(_split(match.group(1))):
            yield from listed


def _listed(brackets: re.Match[str]) -> Iterator[tuple[int, str]]:
    words = _split(brackets.group(1))
    return ((brackets.start(1), word) for word in words if re.fullmatch(_KEY, word))


def _split(text: str) -> list[str]:
    return [word for word in re.split(_SEPARATORS, text) if word]


def _key(token: str, projects: frozenset[str] | None) -> ItemKey | None:
    project, _, number = upper(token).rpartition("-")
    if project == "GH" and "GH" not in (projects or ()):
        return ItemKey(tracker="github", key=number)
    is_upper = token == upper(token)
    if projects is not None and _is_project(project, projects, is_upper=is_upper):
        return ItemKey(tracker="jira", key=f"{project}-{number}")
    return None


def _is_project(name: str, projects: frozenset[str], *, is_upper: bool) -> bool:
    """Whether a name can be a project of Jira: one of ``projects`` if any, else any other word."""
    if projects:
        return name in projects
    if len(name) not in _PROJECT_LENGTHS or name in NOT_PROJECT_KEYS:
        return False
    return is_upper or name not in BRANCH_WORDS
