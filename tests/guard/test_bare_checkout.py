"""The contract's command runs from a plain checkout, with nothing installed."""

import shutil
import subprocess
import sys

from guard.harness import ROOT, SCRIPT, Guard


def test_imports_the_standard_library_only(guard: Guard):
    code = (
        "import runpy, sys\n"
        "sys.argv[0] = path = sys.argv.pop(1)\n"
        "try: runpy.run_path(path, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    outcome = guard.raw(
        SCRIPT,
        *("--summary", guard.summary, "--metrics-gates", guard.gates),
        command=(sys.executable, "-I", "-S", "-c", code),
    )
    others = set(outcome.err.split()) - set(sys.stdlib_module_names) - {"pecr_rollout", "__main__"}
    assert others == set()
    assert "pecr_rollout" in outcome.err
    for heavy in ("dataclasses", "pathlib", "shutil", "asyncio"):
        assert heavy not in outcome.err.split(), f"{heavy} costs start-up time"


def test_from_a_read_only_copy_and_any_folder(guard: Guard):
    checkout = guard.folder / "a checkout"
    for part in ("scripts", "operator"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, checkout / part, ignore=ignored)
    for path in checkout.rglob("*"):
        if path.is_dir():
            path.chmod(0o555)
    script = checkout / "scripts" / "ops" / SCRIPT.name
    outcome = guard.raw(
        *("--summary", guard.summary, "--metrics-gates", guard.gates),
        command=(sys.executable, "-I", "-S", str(script)),
    )
    for path in checkout.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    assert (outcome.code, outcome.err) == (0, "")


def test_through_a_link_and_as_a_program(guard: Guard):
    link = guard.folder / "guard"
    link.symlink_to(SCRIPT)
    files = ("--summary", guard.summary, "--metrics-gates", guard.gates)
    assert guard.raw(*files, command=(str(link),)).code == 0


def test_needs_the_package_for_rollout_and_prometheus_and_says_so(guard: Guard):
    rollout = ROOT / "tests/data/rollouts/good.yaml"
    bare = (sys.executable, "-I", "-S", str(SCRIPT))
    files = ("--summary", guard.summary, "--metrics-gates", guard.gates)
    assert (
        "--rollout needs the package"
        in guard.raw(*files, "--rollout", rollout, command=bare).refused
    )
    assert (
        "--prometheus needs the package"
        in guard.raw(
            "--prometheus", "http://127.0.0.1:1", "--rollout", rollout, command=bare
        ).refused
    )


def test_nothing_in_operator_shadows_the_standard_librarys():
    allowed = {"Dockerfile", "Dockerfile.dockerignore"}
    for path in (ROOT / "operator").iterdir():
        if path.name == "__pycache__" or path.name in allowed:
            continue
        assert path.is_dir(), f"{path.name}: only package folders live in operator/"
        assert (path / "__init__.py").is_file(), f"{path.name} is no package"
    done = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.itemgetter.__module__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "operator"
