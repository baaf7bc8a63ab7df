"""A run becomes a trace: run, jobs, steps and waits, with the ids of the design."""

from __future__ import annotations

from tests.fakes.receiver import Receiver
from tests.fakes.world import SELF_HOSTED, World, job, step, uses
from tests.support import references
from tests.support.program import Program


def test_a_run_of_a_pull_request_becomes_a_tree(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Run, jobs and steps arrive as one tree, each wait as a span of its own."""
    world.pull_request(123)
    run = world.run(
        event="pull_request",
        branch="feature",
        jobs=[
            job("build", queued=5, steps=[step("Checkout", 2), step("Compile", 30)]),
            job("test", after=40, queued=3, steps=[step("Run pytest", 12)]),
        ],
    )
    result = program.export(run)
    assert (result.status, result.outputs["status"], result.warnings) == (0, "exported", [])
    assert receiver.tree() == [
        "pull request #123",
        "  RUN CI",
        "    queued",
        "    build",
        "      queued",
        "      Checkout",
        "      Compile",
        "    test",
        "      queued",
        "      Run pytest",
    ]


def test_ids_are_those_of_the_design(program: Program, world: World, receiver: Receiver) -> None:
    """The published test vectors come out of the whole program."""
    world.pull_request(123)
    steps = [step("Checkout"), step("Build"), step("Run pytest")]
    run = world.run(
        id=999, event="pull_request", branch="feature", jobs=[job("test", id=31337, steps=steps)]
    )
    program.export(run)
    root, of_job, of_step = map(receiver.span, ("RUN CI", "test", "Run pytest"))
    assert {s.trace_id for s in receiver.spans} == {"bc5addb5cf688a1630d4f8fe75f91da2"}
    assert root.parent_span_id == "e5277f9fffce771d"
    assert root.span_id == of_job.parent_span_id == "4874e21768926a40"
    assert of_job.span_id == of_step.parent_span_id == "737688ec3a0a9e17"
    assert of_step.span_id == "7269ba0201eb2e64"


def test_every_span_says_which_run_it_is_of(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A query for repository, run, attempt or pull request finds every span without a join."""
    world.pull_request(123)
    run = world.run(event="pull_request", branch="feature", jobs=[job("test", steps=[step("x")])])
    program.export(run)
    assert len(receiver.ended) == 5
    for span in receiver.ended:
        assert span.attributes["github.repository"] == "acme/shop"
        assert span.attributes["cicd.pipeline.run.id"] == str(run.id)
        assert span.attributes["github.run.attempt"] == 1
        assert span.attributes["vcs.change.id"] == "123"
    assert {s.attributes["flow.job.id"] for s in receiver.spans_named("x")} == {str(run.jobs[0].id)}


def test_a_run_is_described_by_the_conventions(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The run is a SERVER span with the conventions' names; all else is INTERNAL."""
    run = world.run(
        event="schedule",
        workflow="Nightly",
        actor="dependabot[bot]",
        triggering_actor="alice",
        run_number=42,
        title="Nightly build",
        jobs=[job("test", steps=[step("x")])],
    )
    program.export(run)
    span = receiver.span("RUN Nightly")
    assert span.kind == "SERVER"
    assert {s.kind for s in receiver.spans if s.name != span.name} == {"INTERNAL"}
    expected = {
        "cicd.pipeline.name": "Nightly",
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.result": "success",
        "cicd.pipeline.run.url.full": (
            f"https://github.com/acme/shop/actions/runs/{run.id}/attempts/1"
        ),
        "vcs.ref.head.name": "main",
        "vcs.ref.head.revision": run.sha,
        "github.event": "schedule",
        "github.run.number": 42,
        "github.run.title": "Nightly build",
        "github.run.conclusion": "success",
        "github.run.jobs": 1,
        "github.workflow.path": ".github/workflows/nightly.yml",
        "github.actor": "dependabot[bot]",
        "github.triggering_actor": "alice",
        "flow.actor.kind": "human",
        "flow.reference": references.run_of(run),
    }
    assert expected.items() <= span.attributes.items()


def test_the_resource_holds_only_what_every_sender_knows(
    program: Program, world: World, receiver: Receiver
) -> None:
    """No process, host or random instance stands on the resource, so repeats are equal."""
    program.export(world.run(jobs=[job("test")]))
    for span in receiver.spans:
        assert span.resource == {
            "service.name": "github-actions",
            "vcs.provider.name": "github",
            "vcs.owner.name": "acme",
            "vcs.repository.name": "shop",
            "vcs.repository.url.full": "https://github.com/acme/shop",
        }


def test_matrix_jobs_arrive_each(program: Program, world: World, receiver: Receiver) -> None:
    """Every leg of a matrix is a job of its own, under its own name."""
    legs = [
        f"test ({python}, {system})" for python in ("3.10", "3.14") for system in ("linux", "mac")
    ]
    program.export(world.run(jobs=[job(leg, steps=[step("Run pytest")]) for leg in legs]))
    assert {s.name for s in receiver.spans if s.attributes["flow.entity.type"] == "job"} == set(
        legs
    )
    assert len({s.span_id for s in receiver.spans_named("Run pytest")}) == 4


def test_jobs_and_steps_of_one_name_keep_distinct_ids(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Names may repeat: ids come from GitHub's numbers."""
    twice = [step("Run make", 1), step("Run make", 2)]
    run = world.run(jobs=[job("build", steps=twice), job("build", steps=twice)])
    program.export(run)
    assert len({s.span_id for s in receiver.spans_named("build")}) == 2
    assert len({s.span_id for s in receiver.spans_named("Run make")}) == 4


def test_a_step_number_that_repeats_is_counted(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A repeated number becomes `#step:3:2`, in GitHub's order."""
    steps = [step("Checkout", number=3), step("Build", number=3), step("Test", number=4)]
    run = world.run(jobs=[job("build", steps=steps)])
    program.export(run)
    of_job = references.job_of(run, run.jobs[0])
    assert [
        receiver.span(n).attributes["flow.reference"] for n in ("Checkout", "Build", "Test")
    ] == [
        f"{of_job}#step:3",
        f"{of_job}#step:3:2",
        f"{of_job}#step:4",
    ]


def test_step_numbers_that_jump_are_kept(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub numbers post steps from the far end; the gap is no missing step."""
    steps = [step("Checkout", number=1), step("Test", number=2), step("Post Checkout", number=17)]
    result = program.export(world.run(jobs=[job("test", steps=steps)]))
    numbers = [s.attributes.get("github.step.number") for s in receiver.spans]
    assert [n for n in numbers if n] == [1, 2, 17]
    assert result.warnings == []


def test_jobs_of_reusable_workflows_say_who_called(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`caller / called` names stay whole, and the run lists the workflows that it called."""
    called = "acme/infra/.github/workflows/apply.yml@v1"
    run = world.run(
        jobs=[job("deploy / apply", steps=[step("Apply")]), job("deploy / verify")],
        referenced_workflows=[uses(called)],
    )
    program.export(run)
    assert receiver.span("deploy / apply").parent_span_id == receiver.span("RUN CI").span_id
    assert receiver.span("RUN CI").attributes["github.workflow.referenced"] == [called]


def test_a_job_says_which_runner_it_had(program: Program, world: World, receiver: Receiver) -> None:
    """A self-hosted runner is told by name, id, group and the labels that were asked for."""
    labels = ("self-hosted", "linux", "gpu")
    program.export(world.run(jobs=[job("train", runner=SELF_HOSTED, labels=labels)]))
    expected = {
        "cicd.worker.name": "rack-3",
        "cicd.worker.id": "3",
        "github.runner.group": "Default",
        "github.job.labels": list(labels),
    }
    assert expected.items() <= receiver.span("train").attributes.items()


def test_a_workflow_without_a_name_is_called_by_its_file(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub's null name does not become the span's."""
    program.export(world.run(workflow=None, path=".github/workflows/ci.yml", jobs=[job("x")]))
    assert receiver.tree()[0] == "RUN ci.yml"
