"""What the README shows is what runs."""

import re
import subprocess
import sys
from pathlib import Path

import toy

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def _block(marker: str) -> str:
    """Return the fenced Python block whose first line is the comment ``# marker``."""
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(f"# {marker}")]
    return str(block)


def test_the_method_of_the_readme_conforms_and_runs(tmp_path: Path) -> None:
    plugin = tmp_path / "my_method.py"
    plugin.write_text(_block("my_method.py"))
    assert len(plugin.read_text().splitlines()) <= 27
    cli = [sys.executable, "-m", "evaluation"]
    check = subprocess.run(
        [*cli, "check", f"{plugin}:MyMethod"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout + check.stderr
    out = tmp_path / "out"
    run = subprocess.run(
        [*cli, "run", "-s", "smoke", "-m", f"{plugin}:MyMethod", "--seeds", "0", "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = subprocess.run([*cli, "report", str(out)], capture_output=True, text=True, check=False)
    assert report.returncode == 0, report.stdout + report.stderr
    assert "MyMethod" in (out / "leaderboard.csv").read_text()
    assert (out / "report.html").stat().st_size > 10_000


def test_the_page_on_toys_names_every_family_of_problems() -> None:
    page = (ROOT / "docs" / "toys.md").read_text()
    families = {name.split("-")[0] for name in toy.list_problems()}
    assert not [family for family in sorted(families) if f"`{family}-" not in page]


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    script = tmp_path / "own_activations.py"
    script.write_text(_block("own_activations.py"))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_of_the_readme_exists() -> None:
    from evaluation.cli import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    shown = set(re.findall(r"^ +unfold ([a-z]+)", README, flags=re.MULTILINE))
    assert shown
    assert shown <= {name.replace("_", "-") for name in known}
