"""Entry point of the action: puts its packages on `sys.path`, independent of the job's Python.

Runs under `python -I -S`, so only the standard library and the folders added here can be imported:
a `requests.py` in the checkout, the job's PYTHONPATH and its installed packages cannot break the
action or take it over.

A release contains the packages in `bundle/`. If it has none for this Python, or is damaged, the
action installs its own environment (install.py) and reports that.
"""

import sys

try:
    import gc
    import os
    import warnings
    from collections.abc import Mapping
    from contextlib import suppress
    from pathlib import Path
except KeyboardInterrupt:  # The step is cancelled; nothing is loaded yet that could report more.
    sys.exit(0)

ACTION = Path(__file__).resolve().parent.parent


def main() -> int:
    """Find or install the packages, run the action; returns the exit status."""
    # Objects of the start live until the end: collecting garbage among them takes 5 % of the time.
    gc.disable()
    sys.path.insert(0, str(ACTION))
    try:
        problem = None if use_bundle(ACTION) else use_environment(ACTION, os.environ)
        if problem:
            return give_up(f"{problem} Nothing was exported.", os.environ)
        sys.path.remove(str(ACTION))
        from flow_telemetry.action import main as run_action  # noqa: PLC0415
    except KeyboardInterrupt:
        status = give_up("the step was cancelled as it began. Nothing was exported.", os.environ)
        # At once: after a signal within an exec() Python would still end by that signal.
        os._exit(status)
    gc.freeze()
    # Records have no cycles: one collection for every 20,000 new objects is enough.
    gc.set_threshold(20_000)
    gc.enable()
    return run_action()


def use_bundle(action: Path) -> bool:
    """Import from the bundle from now on; return False if there is no usable one.

    A bundle that exists and cannot be used is reported.
    """
    folder = action / "bundle"
    if not folder.is_dir():
        return False
    from launcher.bundle import BundleError, open_bundle  # noqa: PLC0415 - after sys.path is set

    try:
        bundle = open_bundle(folder)
        from launcher.image import Image  # noqa: PLC0415 - some Pythons are built without lzma
    except (BundleError, ImportError) as error:
        remedy = "let the runner download the action anew, by removing its _work/_actions folder"
        advice = f" To repair it, {remedy}." if "damaged" in str(error) else ""
        annotate("warning", f"the bundle {error}: the action sets up an environment.{advice}")
        return False
    # The bundle has no library that guesses encodings, about which requests warns at each start.
    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
    Image(bundle.image, action, bundle.platforms).install()
    sys.path[:0] = [str(folder) for folder in (*bundle.platforms, bundle.packages, action / "src")]
    return True


def use_environment(action: Path, environ: Mapping[str, str]) -> "str | None":
    """Import from an environment of the action's own; return the error, if any."""
    from launcher.install import InstallError, installed  # noqa: PLC0415 - slow, and seldom needed

    try:
        packages = installed(action, environ)
    except InstallError as error:
        return str(error)
    sys.path[:0] = [str(action / "src"), str(packages)]
    return None


def give_up(message: str, environ: Mapping[str, str]) -> int:
    """Annotate the reason, set the outputs; return 1 with fail-on-error, else 0."""
    try:
        if output := environ.get("GITHUB_OUTPUT"):
            with Path(output).open("a", encoding="utf-8", newline="\n") as file:
                file.write("spans=0\nstatus=skipped\n")
    except OSError as error:
        message = f"{message} The outputs could not be set either: {error.strerror}."
    fail = environ.get("FLOW_TELEMETRY_FAIL_ON_ERROR", "").lower() == "true"
    annotate("error" if fail else "warning", message)
    return int(fail)


def annotate(kind: str, message: str) -> None:
    """Write an annotation of the run."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    with suppress(OSError):  # A full disk or a closed pipe must not break the build.
        print(f"::{kind} title=flow-telemetry::{escaped}", flush=True)


if __name__ == "__main__":
    status = main()
    with suppress(OSError, ValueError):  # The runner may have closed them.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    # At once: the clean-up of a thousand modules would take 10 ms, and everything is written.
    os._exit(status)
