"""One measurement in several formats counts once, and two measurements count both."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World
from tests.stories.points import by
from tests.stories.test_inside_a_run import going_on
from tests.support.program import Program, Result

JOB = "test"
UNIT, PACKAGE = "flow.coverage.unit", "flow.coverage.package"
RUNNER = "/home/runner/work/shop/shop"
BEGIN = "flow-telemetry: `coverage-reports`: "


class Coverage:
    """A job that has measured coverage; `export` returns its numbers by unit."""

    def __init__(self, program: Program, run: Run, receiver: Receiver, folder: Path) -> None:
        self.program = program
        self.run = run
        self.receiver = receiver
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def export(self, patterns: str = "**/*.*\n!**/*.js") -> Result:
        environ = {"GITHUB_WORKSPACE": str(self.folder)}
        return self.program.inside(self.run, JOB, environ, coverage_reports=patterns)

    def numbers(self) -> dict[str, tuple[int, int]]:
        covered = by(self.receiver, "flow.coverage.covered", UNIT)
        coverable = by(self.receiver, "flow.coverage.coverable", UNIT)
        return {str(unit): (int(covered[unit]), int(coverable[unit])) for unit in covered}

    def packages(self) -> list[str]:
        points = self.receiver.points_of("flow.coverage.package.covered")
        return sorted({str(point.attributes[PACKAGE]) for point in points})


@pytest.fixture
def coverage(program: Program, world: World, receiver: Receiver, tmp_path: Path) -> Coverage:
    run = world.run(jobs=[going_on(JOB, "Run tests")])
    folder = tmp_path / "workspace"
    folder.mkdir()
    return Coverage(program, run, receiver, folder)


def lcov(hits: int, *files: str) -> str:
    """Return LCOV of files with a line that was hit and one that was not, or was."""
    return "".join(f"SF:{file}\nDA:1,1\nDA:2,{hits}\nend_of_record\n" for file in files)


def clover(*files: str) -> str:
    """Return Clover of files with three statements, two of them covered, and two branches."""
    facts = 'statements="3" coveredstatements="2" conditionals="2" coveredconditionals="1"'
    inside = "".join(f'<file name="x" path="{path}"><metrics {facts}/></file>' for path in files)
    return f'<coverage><project name="All">{inside}</project></coverage>'


def cobertura(*files: str, facts: str = "") -> str:
    classes = "".join(
        f'<class filename="{file}"><lines><line number="1" hits="1"/><line number="2" hits="0"/>'
        "</lines></class>"
        for file in files
    )
    return (
        f'<coverage line-rate="0.5" {facts}><packages><package name="shop"><classes>{classes}'
        "</classes></package></packages></coverage>"
    )


def test_clover_and_lcov_of_jest(coverage: Coverage) -> None:
    """Clover has whole paths and statements, LCOV relative ones and lines: it counts once."""
    coverage.write("coverage/lcov.info", lcov(0, "src/a.js", "src/b.js"))
    coverage.write("coverage/clover.xml", clover(f"{RUNNER}/src/a.js", f"{RUNNER}/src/b.js"))
    result = coverage.export()
    assert coverage.numbers() == {"line": (2, 4)}
    assert result.notices == [
        f"{BEGIN}coverage/clover.xml is on the same source files as coverage/lcov.info in another "
        "format: not counted twice"
    ]


def test_totals_that_differ_by_lines_that_functions_share(coverage: Coverage) -> None:
    """gcovr counts them in one format only; the files decide."""
    coverage.write("cobertura.xml", cobertura("a.cpp", facts='lines-covered="3" lines-valid="5"'))
    coverage.write("lcov.info", lcov(0, "/app/src/a.cpp"))
    coverage.export()
    assert coverage.numbers() == {"line": (3, 5)}


def test_two_code_bases_with_equal_numbers(coverage: Coverage) -> None:
    """A Python and a JavaScript measurement: both count."""
    coverage.write("lcov.info", lcov(0, "web/cost.js"))
    coverage.write("coverage.xml", cobertura("web/price.py"))
    result = coverage.export()
    assert coverage.numbers() == {"line": (2, 4)}
    assert result.notices == []


def test_packages_whose_files_have_the_same_names(coverage: Coverage) -> None:
    """In a monorepo each tool names files from its own folder; the sources tell them apart."""
    for name in ("a", "b"):
        coverage.write(f"packages/{name}/src/index.js", "")
    coverage.write("packages/a/coverage/lcov.info", lcov(0, "src/index.js"))
    coverage.write("packages/b/coverage/clover.xml", clover(f"{RUNNER}/packages/b/src/index.js"))
    assert coverage.export().notices == []
    assert coverage.numbers() == {"line": (1, 2), "statement": (2, 3), "branch": (1, 2)}


def test_one_report_of_all_and_one_of_each_part(coverage: Coverage) -> None:
    """The format with most files counts, and the others do not."""
    files = [f"{part}/src/{name}.js" for part in "ab" for name in "xyz"]
    coverage.write("lcov.info", lcov(0, *files))
    coverage.write("a/clover.xml", clover(*files[:3]))
    coverage.write("b/clover.xml", clover(*files[3:]))
    assert len(coverage.export().notices) == 2
    assert coverage.numbers() == {"line": (6, 12)}


def test_two_reports_of_one_format_are_two_measurements(coverage: Coverage) -> None:
    """Unit and end-to-end tests; a second format of one of them does not count."""
    coverage.write("unit/lcov.info", lcov(0, "src/a.js"))
    coverage.write("e2e/lcov.info", lcov(1, "src/a.js"))
    coverage.write("unit/clover.xml", clover("src/a.js"))
    coverage.export()
    assert coverage.numbers() == {"line": (3, 4)}


def test_formats_without_names_of_files(coverage: Coverage) -> None:
    """Only equal numbers can tell."""
    counter = '<counter type="LINE" missed="1" covered="1"/>'
    jacoco = f'<report name="x"><package name="a">{counter}</package>{counter}</report>'
    coverage.write("jacoco.xml", jacoco)
    coverage.write("lcov.info", lcov(0, "src/a.js"))
    coverage.export()
    assert coverage.numbers() == {"line": (1, 2)}


def test_one_file_under_two_names(coverage: Coverage) -> None:
    """`./src/a.js`, and the same file by its path on the runner or in the workspace."""
    own = coverage.folder.as_posix()
    names = ("./src/a.js", "src/a.js", "src/../src/a.js", f"{RUNNER}/src/a.js", f"{own}/src/a.js")
    coverage.write("lcov.info", lcov(0, *names, "D:\\a\\shop\\shop\\src\\a.js", "src\\a.js"))
    coverage.export()
    assert coverage.numbers() == {"line": (1, 2)}
    assert coverage.packages() == ["src"]


@pytest.mark.parametrize(
    "folder",
    [
        *("D:/a/shop/shop", "/Users/runner/work/shop/shop", "/__w/shop/shop", "/github/workspace"),
        *("/opt/actions-runner/_work/shop/shop", "C:/runner/_work/shop/shop", RUNNER),
    ],
)
def test_packages_have_one_name_on_every_system(coverage: Coverage, folder: str) -> None:
    """A series for each operating system would be one too many."""
    text = cobertura("a.py").replace('name="shop"', f'name="{folder}/src"')
    coverage.write("coverage.xml", text)
    coverage.export()
    assert coverage.packages() == ["src"]


def test_branches_of_lcov_2_with_commas(coverage: Coverage) -> None:
    """The hits stand after the last comma; expressions of several branches may differ in them."""
    branches = "BRDA:1,0,f(a, b),1\nBRDA:1,0,f(a, c),0\nBRDA:1,e0,g(a, b, 3),-\n"
    coverage.write("lcov.info", f"SF:a.cpp\nDA:1,1,abc\n{branches}end_of_record\n")
    coverage.export()
    assert coverage.numbers() == {"line": (1, 1), "branch": (1, 3)}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ('lines-covered="3.0" lines-valid="5.00"', (3, 5)),
        ('lines-covered="1,200" lines-valid="1,500"', (1200, 1500)),
        ('lines-covered="3.5" lines-valid="5"', (1, 2)),
    ],
)
def test_counts_with_a_form(coverage: Coverage, facts: str, expected: tuple[int, int]) -> None:
    """A point with zeros and grouped digits; what is no count is left out."""
    coverage.write("coverage.xml", cobertura("a.py", facts=facts))
    coverage.export()
    assert coverage.numbers() == {"line": expected}


def test_units_without_anything_to_cover_are_left_out(coverage: Coverage) -> None:
    """Branches 0 of 0 were not measured; an empty package has no series."""
    nothing = 'statements="0" coveredstatements="0" conditionals="0" coveredconditionals="0"'
    text = clover("src/a.php").replace("2", "0").replace("1", "0")
    more = f'<package name="none"><file name="b"><metrics {nothing}/></file></package></project>'
    coverage.write("clover.xml", text.replace("</project>", more))
    coverage.export()
    assert coverage.numbers() == {"statement": (0, 3)}
    assert coverage.packages() == ["src"]


def test_modules_without_code(coverage: Coverage) -> None:
    """An empty module of JaCoCo is nothing to tell; only if all are empty, one notice says so."""
    coverage.write("a/jacoco.xml", '<report name="api"/>')
    coverage.write("b/jacoco.xml", '<report name="bom"><sessioninfo id="x"/></report>')
    (notice,) = coverage.export().notices
    assert notice == f"{BEGIN}nothing is coverable in the reports, such as a/jacoco.xml"
    assert coverage.numbers() == {}
    counter = '<counter type="LINE" missed="1" covered="3"/>'
    coverage.write("c/jacoco.xml", f'<report name="core">{counter}</report>')
    assert coverage.export().notices == []
    assert coverage.numbers() == {"line": (3, 4)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"src/a.js": {"path": "src/a.js", "statementMap": {}}}', "`json-summary`"),
        ('{"result": {"line": 85.5}}', "`.resultset.json`"),
        ('{"gcovr/format_version": "0.11", "files": []}', "`--cobertura`"),
        ('{"source_files": []}', "Coveralls"),
        ('{"coverage": {"a.py": {"1": 1}}}', "Codecov"),
        ('{"files": [{"path": ["/", "a.rs"], "traces": []}]}', "`--out Lcov`"),
        ('{"a": 1}', "its tool is unknown"),
        ("<results/>", "`-f cobertura`"),
        ("<testsuite/>", "`test-reports`"),
    ],
)
def test_another_format_is_named_with_what_to_do(coverage: Coverage, text: str, said: str) -> None:
    """The file's own tool is named, not coverage.py."""
    coverage.write("coverage.json", text)
    (notice,) = coverage.export().notices
    assert notice.startswith(f"{BEGIN}coverage.json is ")
    assert said in notice


def test_the_totals_of_a_report_are_its_own(coverage: Coverage) -> None:
    """Packages that do not add up to them stay as they are."""
    facts = 'lines-covered="7" lines-valid="9"'
    coverage.write("coverage.xml", cobertura("a.py", facts=facts))
    coverage.export()
    assert coverage.numbers() == {"line": (7, 9)}
    packages = by(coverage.receiver, "flow.coverage.package.coverable", PACKAGE)
    assert packages["shop"] == 2
