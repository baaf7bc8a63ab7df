"""A Jira that does not answer as it should: the trace goes on, and says what is missing."""

from __future__ import annotations

import pytest
from tests.fakes.faults import (
    Answer,
    Scripted,
    black_hole,
    dripping,
    drop,
    html,
    redirect,
    status,
    truncated,
)
from tests.fakes.jira import FakeJira, rate_limited
from tests.fakes.jira_world import JiraWorld
from tests.jira.support import EMAIL, TOKEN, connect, fake, key
from tests.otlp.servers import CUTS, cut_during_handshake

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.errors import DeadlineExceeded, SourceError
from flow_telemetry.jira.parse import unread_item
from flow_telemetry.settings.model import JiraSettings

ISSUE = "/issue/ACME-57"


def world() -> JiraWorld:
    """A world of one story."""
    made = JiraWorld()
    made.issue("ACME-57")
    return made


def reason(jira: FakeJira, *, timeout: float | None = 600, token: str = TOKEN) -> str:
    """Why the story could not be read; it is known by its key alone."""
    chain = connect(jira, timeout=timeout, token=token).jira.chain(key("ACME-57"))
    assert [(item.key, item.read) for item in chain.items] == [("ACME-57", False)]
    (told,) = chain.unread
    assert told.isprintable()
    assert TOKEN not in told
    return told


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (html(), "a web page, such as a login form, for ACME-57 of Jira. Check `jira-url`"),
        (
            status(200, "not json"),
            "something other than JSON for ACME-57 of Jira. Check `jira-url`",
        ),
        (status(200, "[]"), "without a usable `key`"),
        (status(200, '{"key": 7}'), "without a usable `key`"),
        (truncated(40), "other than JSON"),
        (status(401), "does not accept the credentials (`jira-email` and `jira-token`)"),
        (status(403), "may not read ACME-57 of Jira: give it the permission Browse projects"),
        (status(404), "it was deleted or archived, or the account cannot see it"),
        (status(418), "Jira could not give ACME-57 of Jira: status 418"),
        (redirect("https://login.example.com/?next=" + TOKEN), "to https://login.example.com"),
        (redirect("/login.jsp", 302), "to another page"),
        (redirect("http://[broken", 302), "to another page"),
    ],
)
def test_a_useless_answer_is_told_with_what_to_do(answer: Scripted, says: str) -> None:
    """What is missing, why, and which input to look at."""
    with fake(world(), cloud=True) as jira:
        jira.script(ISSUE, answer)
        assert says in reason(jira)


def test_what_jira_says_is_repeated_cut_and_on_one_line() -> None:
    """Its sentence helps; its length, its line breaks and our token in it do not."""
    said = f'{{"errorMessages": ["no {TOKEN}\\n::error::", 7], "errors": {{"a": "{"x" * 500}"}}}}'
    with fake(world(), cloud=True) as jira:
        jira.script(ISSUE, status(403, said))
        told = reason(jira)
    assert "(no *** ::error::; xxx" in told
    assert len(told) < 500


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])
def test_a_refused_token_is_never_tried_again(cloud: bool) -> None:
    """Cloud takes it for no token at all, which only a header tells; Data Center locks accounts."""
    with fake(world(), cloud=cloud) as jira:
        connected = connect(jira, token="expired")
        first = connected.jira.chain(key("ACME-57"))
        asked = len(jira.requests)
        again = connected.jira.chain(key("ACME-57"))
        assert len(jira.requests) == asked
    assert "does not accept the credentials" in first.unread[0]
    assert again.unread == first.unread


def test_an_account_that_must_solve_a_captcha_is_told() -> None:
    """Data Center says so in a header after too many failed logins."""
    denied = Answer(status=403, headers={"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"})
    with fake(world(), cloud=False) as jira:
        jira.script("/serverInfo", denied)
        assert "CAPTCHA" in reason(jira)


def test_a_private_site_without_a_token_asks_for_one() -> None:
    """Whoever gave none is told to give one; nothing is said of a wrong token."""
    with fake(world(), cloud=True) as jira:
        assert "it is private: set `jira-token`" in reason(jira, token="")
        jira.script(ISSUE, status(401))
        assert "set `jira-email` and `jira-token`" in reason(jira, token="")


def test_a_public_site_needs_no_token() -> None:
    """Many open source projects show their issues to everybody."""
    with FakeJira(world(), cloud=False) as jira:
        chain = connect(jira, token="").jira.chain(key("ACME-57"))
        assert all("authorization" not in request.headers for request in jira.requests)
    assert chain.unread == ()


def test_a_busy_jira_is_asked_again_when_it_says() -> None:
    """After Retry-After, and after a pause that grows where it names none."""
    with fake(world(), cloud=True) as jira:
        jira.script(ISSUE, rate_limited(7), status(503), status(502), drop())
        connected = connect(jira)
        chain = connected.jira.chain(key("ACME-57"))
    assert chain.unread == ()
    assert connected.clock.waited == [7, 2, 4, 8]
    assert "Jira asks to wait 7 s before ACME-57 of Jira can be read" in connected.log.told


def test_a_rate_limit_beyond_the_time_is_told() -> None:
    """Nobody waits an hour for a trace."""
    with fake(world(), cloud=True) as jira:
        jira.script(ISSUE, rate_limited(3600))
        told = reason(jira, timeout=60)
    assert "asks to wait 3600 s" in told
    assert "`timeout`" in told


def test_a_jira_that_is_down_is_given_up_once() -> None:
    """Five tries in all, not five for each item."""
    with fake(world(), cloud=True) as jira:
        jira.script("/", drop(), times=None)
        connected = connect(jira)
        first = connected.jira.chain(key("ACME-57"))
        connected.jira.chain(key("ACME-58"))
        assert len(jira.requests) == 5
    assert "could not be read" in first.unread[0]
    assert "`jira-url`" in first.unread[0]


@pytest.mark.parametrize("farewell", CUTS.values(), ids=[error.__name__ for error in CUTS])
def test_a_connection_that_is_cut_during_the_handshake_is_tried_again(farewell: bytes) -> None:
    """It is a closed connection: all tries are made."""
    with cut_during_handshake(farewell) as (server, connections):
        chain = connect(f"https://{server}").jira.chain(key("ACME-57"))
    assert len(connections) == 5
    assert "could not be read" in chain.unread[0]


def test_a_failed_handshake_is_not_tried_again() -> None:
    """A server that speaks plain HTTP on the port of `https://` will do so at the next try."""
    with cut_during_handshake(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (server, connections):
        chain = connect(f"https://{server}").jira.chain(key("ACME-57"))
    assert len(connections) == 1
    assert "could not be read" in chain.unread[0]


@pytest.mark.parametrize("slow", [black_hole(), dripping(0.05), dripping(0.05, since="headers")])
def test_a_slow_jira_takes_no_more_than_the_time(slow: Scripted) -> None:
    """Silence and single bytes end with the deadline, and the trace goes on."""
    clock = SystemClock()
    with fake(world(), cloud=True) as jira:
        jira.script(ISSUE, slow, times=None)
        began = clock.monotonic()
        connected = connect(jira, deadline=Deadline.after(clock, 0.4))
        chain = connected.jira.chain(key("ACME-57"))
        assert clock.monotonic() - began < 5
    assert "ACME-57 of Jira could not be read" in chain.unread[0]


def test_a_token_with_any_character_is_a_token() -> None:
    """One that was copied wrong is refused by Jira, not by a library of ours."""
    with fake(world(), cloud=False) as jira:
        chain = connect(jira, token="wr\u014dng \u2014 token").jira.chain(key("ACME-57"))
    assert "does not accept the credentials" in chain.unread[0]


def test_a_jira_that_answers_with_failures_only_is_told() -> None:
    """The status and how often it was asked."""
    with fake(world(), cloud=True) as jira:
        jira.script(ISSUE, status(503), times=None)
        told = reason(jira)
    assert "Jira could not give ACME-57 of Jira: status 503" in told


def test_no_time_left_ends_the_reading() -> None:
    """The one deadline of the program holds here, too."""
    with fake(world(), cloud=True) as jira, pytest.raises(DeadlineExceeded, match="from Jira"):
        connect(jira, timeout=0).jira.chain(key("ACME-57"))


def test_a_redirect_gets_no_token() -> None:
    """Not even to another port of the same host: the request is not made at all."""
    with fake(world(), cloud=True) as elsewhere, fake(world(), cloud=True) as jira:
        jira.script(ISSUE, redirect(f"{elsewhere.url}/rest/api/3{ISSUE}"))
        assert "which must not get the token" in reason(jira)
        assert elsewhere.requests == []


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "dc"])
def test_the_token_is_in_no_line(cloud: bool) -> None:
    """Neither in the log nor in what represents the settings."""
    with fake(world(), cloud=cloud) as jira:
        connected = connect(jira)
        connected.jira.details(unread_item("ACME-57"))
    assert TOKEN not in repr(JiraSettings(url=jira.url, email=EMAIL, token=TOKEN))
    assert connected.log.told
    assert not any(TOKEN in line for line in connected.log.told)


def test_details_of_a_silent_jira_are_an_error() -> None:
    """It is one of the program's own errors, with the sentence that the user needs."""
    with fake(world(), cloud=True) as jira:
        jira.script("/changelog", html())
        with pytest.raises(
            SourceError,
            match="a login form, for the history of ACME-57",
        ):
            connect(jira).jira.details(unread_item("ACME-57"))
