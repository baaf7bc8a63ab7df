"""Credentials in names and titles: nothing that is exported, shown or kept holds them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fakes.faults import status
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, annotation, happened, job, step
from tests.support import closings, leaks
from tests.support.program import TOKEN, Program, Result

MERGED = "2026-11-04T08:00:00Z"
HEADER = "canary-of-a-header-0123"
TYPED = f"ghp_{'canaryOf36Letters' * 2}"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmVkLWJ5LWEtY2FuYXJ5"
PEM = "-----BEGIN PRIVATE KEY-----\ncanary-of-a-key\n-----END PRIVATE KEY-----"
# What somebody wrote, and what of it may leave nowhere.
WRITTEN = {
    f"rotate {TYPED}": TYPED,
    f"use ghs_1234_{JWT} as well": JWT,
    "curl -H 'Authorization: Bearer canary-of-a-bearer'": "canary-of-a-bearer",
    "https://canary-user:canary-password@git.example/x": "canary-password",
    "see https://a.example/?access_token=canary-of-a-query&x=1": "canary-of-a-query",
    f"the key {PEM}": "canary-of-a-key",
    f"sent {HEADER} by mistake": HEADER,
    f"the token was {TOKEN}": TOKEN,
    # A view takes the invisible characters out, and would show the token.
    f"the token was {TOKEN[:9]}\u200b{TOKEN[9:]}": TOKEN,
    f"rotate {TYPED[:9]}\u00ad{TYPED[9:]}": TYPED,
    f"part of it: {TOKEN[5:20]}": TOKEN[5:20],
    f"in base64: {base64.b64encode(f'x-access-token:{TOKEN}'.encode()).decode()}": (
        base64.b64encode(TOKEN.encode()).decode()[:12]
    ),
    "mysql --password canary-of-a-flag": "canary-of-a-flag",
    "DB_PASS=canary-of-a-variable": "canary-of-a-variable",
    "aws_secret_access_key = canary0of1a2cloud": "canary0of1a2cloud",
    "ask customer-4711-canary": "customer-4711",
}
INPUTS: dict[str, Any] = {
    "otlp_headers": f"x-key={HEADER}",
    "redact": "\n".join(["", r"customer-\d+", r"(?i:nobody)-\w{4,10}"]),
    "log_level": "debug",
}


def everything_of(program: Program, text: str, **inputs: Any) -> Iterator[Result]:
    """What a failed run and a merged pull request come to whose names are all that text."""
    world = program.github.world
    one_line = " ".join(text.split())
    world.issue(17, type="Story", title=text, labels=[one_line], closed_at=MERGED)
    world.pull_request(
        123,
        title=text,
        branch=one_line,
        labels=[one_line],
        closes=[17],
        merged_at=MERGED,
        timeline=[happened("labeled", at="2026-11-03T08:00:00Z", subject=one_line)],
    )
    failed = job(
        one_line,
        "failure",
        steps=[step(one_line, 20, "failure")],
        annotations=[annotation(text, title=text)],
        labels=[one_line],
    )
    run = world.run(
        event="pull_request",
        branch=one_line,
        workflow=one_line,
        path=".github/workflows/ci.yml",
        title=text,
        jobs=[failed],
    )
    yield program.export(run, **{**INPUTS, **inputs})
    yield closings.pull_request(program, 123, **{**INPUTS, **inputs})
    yield closings.issue(program, "acme/shop#17", trace_scope="item", **{**INPUTS, **inputs})


@pytest.mark.parametrize(("text", "secret"), WRITTEN.items(), ids=WRITTEN.values())
def test_a_credential_in_names_and_titles_leaves_nowhere(
    program: Program, receiver: Receiver, text: str, secret: str
) -> None:
    """In no span, record, point, resource, summary, annotation, output or line of the log."""
    results = list(everything_of(program, text))
    assert [each.outputs["status"] for each in results] == ["exported"] * 3
    left = "\n".join(leaks.everything(each, receiver) for each in results)
    assert secret not in left
    assert secret not in re.sub("[\u200b\u00ad]", "", left)
    assert "***" in left or "https://git.example/x" in left
    assert receiver.events
    assert receiver.metrics


# What a name or a message is cut in the middle of: behind the cut is what tells what it is.
CUT = {
    "https://deploy:canary-of-a-password@git.example/x": "canary",
    f"token {TYPED}": TYPED[:10],
    "key AKIACANARYCANARYCANA": "AKIACANARY",
    'PASSWORD="a canary of a password"': "canary",
}


@pytest.mark.parametrize(("text", "secret"), CUT.items(), ids=CUT.values())
def test_the_beginning_of_one_that_is_cut_leaves_nowhere_either(
    program: Program, world: World, receiver: Receiver, text: str, secret: str
) -> None:
    """A name has at most 128 characters, a message 2,048 bytes."""
    shown = text[: text.index(secret) + len(secret)]
    name, message = (f"{'x' * (most - 4 - len(shown))} {text} {'y' * 9}" for most in (128, 2_048))
    failed = job(name, "failure", steps=[step(name, 3)], annotations=[annotation(message)])
    result = program.export(world.run(workflow=name, title=message, jobs=[failed]), **INPUTS)
    assert result.outputs["status"] == "exported"
    assert secret not in leaks.everything(result, receiver)
    assert receiver.events


def test_nor_does_it_stay_in_the_spool(program: Program, receiver: Receiver) -> None:
    """A spool is what would have been sent; it may be kept as an artifact."""
    receiver.script("/v1/", status(401), times=None)
    for result in everything_of(program, f"rotate {TYPED}"):
        assert result.outputs["status"] == "spooled"
        assert result.spool_files
        assert TYPED not in leaks.everything(result, receiver)


def test_what_stands_around_it_and_all_ids_stay(
    program: Program, world: World, receiver: Receiver
) -> None:
    """So that whoever looks for a job still finds it."""
    run = world.run(jobs=[job(f"deploy {TYPED}", steps=[step("call ?token=canary&x=1")])])
    program.export(run)
    span = receiver.span("deploy ***")
    assert receiver.span("call ?token=***&x=1").parent_span_id == span.span_id
    assert span.attributes["flow.reference"].endswith(f"/job/{run.jobs[0].id}")


def test_resources_hold_none_and_stay_one(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The user's own resource attributes, the service's name, and the repository's address."""
    run = world.run(jobs=[job("a"), job("b")], workflow=f"CI {TYPED}")
    program.export(
        run,
        service_name="{workflow}",
        resource_attributes="team=https://canary-user:canary@git.example/x",
    )
    resources = [span.resource for span in receiver.spans]
    assert all(each == resources[0] for each in resources)
    assert resources[0]["service.name"] == "CI ***"
    assert resources[0]["team"] == "https://git.example/x"


def test_a_header_that_everybody_knows_takes_no_names_away(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A tenant is often called as the owner: names of repositories are no secrets."""
    program.export(world.run(), otlp_headers="X-Scope-OrgID=acme/shop")
    assert receiver.span("RUN CI").resource["vcs.repository.name"] == "shop"
    assert receiver.span("RUN CI").resource["vcs.repository.url.full"].endswith("/acme/shop")


@pytest.mark.parametrize(
    "headers", ["X-Scope-OrgID=acme", "x-honeycomb-dataset=shop\nx-team=build", '{"x-a": "acme"}']
)
def test_a_header_that_is_no_credential_hides_no_output(
    program: Program, world: World, receiver: Receiver, headers: str
) -> None:
    """GitHub drops every output of a job that contains a hidden word, such as the owner's name."""
    result = program.export(world.run(jobs=[job("build acme")]), otlp_headers=headers)
    assert result.masks == [TOKEN]
    assert receiver.span("build acme").name
    assert not any("docs/reference/privacy.md" in notice for notice in result.notices)


def test_a_part_of_a_header_takes_no_public_name_away(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A key may be called like the repository; the key itself stays nowhere."""
    key = "acme/shop-kX9v2mQ7pL4sT8wZ"
    run = world.run(jobs=[job("build acme/shop"), job(f"deploy {key}")])
    result = program.export(run, otlp_headers=f"api-key={key}")
    assert receiver.span("build acme/shop").name
    assert receiver.span("deploy ***").name
    assert key[10:] not in leaks.everything(result, receiver)


def test_the_outcome_says_how_many_texts_were_changed(
    program: Program, world: World, receiver: Receiver
) -> None:
    """In one notice: a name that looks different in the backend has a reason."""
    run = world.run(jobs=[job(f"deploy {TYPED}", steps=[step("call ?token=canary"), step("test")])])
    result = program.export(run)
    changed = [span.name for span in receiver.spans if "***" in span.name]
    (notice,) = [notice for notice in result.notices if "docs/reference/privacy.md" in notice]
    assert len(changed) == 2
    # The names of job and step are attributes too.
    assert int(notice.split(" exported texts")[0].rpartition(" ")[2]) >= 4
    assert not program.export(world.run()).notices


@pytest.mark.parametrize("pattern", ["(unclosed", "x*", "(a+)+b", r"(a)\1"])
def test_a_pattern_that_cannot_be_used_is_told_with_its_line(
    program: Program, world: World, receiver: Receiver, pattern: str
) -> None:
    """The step fails, since only the user can heal it; nothing leaves that was to be taken out."""
    result = program.export(world.run(), redact=f"fine-\\d+\n{pattern}")
    (error,) = result.errors
    assert "`redact` cannot be used: the pattern on line 2 " in error
    assert (result.status, receiver.requests) == (2, [])


def test_a_drawn_trace_and_a_file_hold_none_either(program: Program, world: World) -> None:
    """The command line takes credentials out as the action does."""
    run = world.run(jobs=[job(f"deploy {TYPED}", steps=[step(f"use {TOKEN}")])])
    words = ("export", "run", "--repo", "acme/shop", "--run-id", run.id, "--print")
    result = program.command(*words, "--output", "x.jsonl", "--log-level", "debug")
    written = (program.folder / "x.jsonl").read_text(encoding="utf-8")
    assert "deploy ***" in result.stdout
    assert "deploy ***" in written
    assert TYPED not in result.stdout + result.stderr + written
    assert TOKEN not in result.stdout + result.stderr + written


def test_a_token_in_the_wrong_place_is_not_repeated(program: Program, world: World) -> None:
    """An error quotes what was given, but not where that is a credential."""
    world.run()
    words = ("export", "run", "--run-id", "1", f"--otlp-endpoint={program.receiver.url}")
    command = program.command(*words, "--repo", TYPED)
    action = program.action(mode="run", repository=TYPED, run_id="1")
    assert (command.status, len(action.errors)) == (2, 1)
    for told in (command.stderr, action.log, action.summary):
        assert TYPED not in told
    assert "***" in command.stderr
