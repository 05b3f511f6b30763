"""Verbs that make results: run, status, score, merge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluation.cli import display

if TYPE_CHECKING:
    from evaluation.running.plan import Plan
    from evaluation.running.suites import Suite

SOME_FAILED = 3

Problems = Annotated[
    list[str] | None, typer.Option("--problem", "-p", help="Problem id or glob; repeatable.")
]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "-m",
        help="name, file.py:Class or pkg.mod:Class, with \\[param=value] or \\[param=\\[a,b]].",
    ),
]
Mem = Annotated[
    str | None, typer.Option(help="Of a cell's process tree: 4GB. A GPU's is not counted.")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Cells at once; 1 for methods on a GPU.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Results folder.")]
SaltFile = Annotated[
    Path | None, typer.Option(help="File with the secret that draws an official board's problems.")
]


def run(
    suite: Annotated[str | None, typer.Option("--suite", "-s", help="A named suite.")] = None,
    problem: Problems = None,
    method: Methods = None,
    activations: Annotated[
        Path | None, typer.Option(help="Your own, scored without a truth; needs --labels.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Of their rows: labels, and texts and tokens if any.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="Atoms for --activations; default: dimensions.")
    ] = None,
    active: Annotated[
        int, typer.Option(min=1, help="Active codes a sample that --activations are compared at.")
    ] = 16,
    seeds: Annotated[str | None, typer.Option(help="0:5 is 0 to 4; also 3 or 0,2,7.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="A TOML file.")] = None,
    track: Annotated[list[str] | None, typer.Option(help="blind, informed; repeatable.")] = None,
    tuning: Annotated[list[str] | None, typer.Option(help="default, tuned; repeatable.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Of a cell: 90s, 10m, 2h.")] = None,
    mem: Mem = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads in a cell.")] = None,
    jobs: Jobs = None,
    out: Out = None,
    salt_file: SaltFile = None,
    shard: Annotated[
        str, typer.Option(help="2/8: the second of eight parts, for `unfold merge` to unite.")
    ] = "1/1",
    executor: Annotated[
        str, typer.Option(help="Where cells run: local, dask, dask:ADDRESS, mpi, file.py:make.")
    ] = "local",
    only_failed: Annotated[bool, typer.Option(help="Run again what failed, only.")] = False,
    force: Annotated[bool, typer.Option(help="Run again what is stored, too.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Show what would run.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html at the end.")] = False,
    reuse: Annotated[
        Path | None, typer.Option(help="Published boards (leaderboards/) whose rows stand beside.")
    ] = None,
) -> None:
    """Run methods on problems; go on where an earlier run into the same folder stopped."""
    from evaluation.cli.board import show_leaderboard
    from evaluation.running.run import run as run_suite
    from evaluation.running.selectors import parse_shard

    part = parse_shard(shard)
    chosen, rest = _choose(suite, config)
    if activations or labels:
        chosen = _with_own(chosen, activations, labels, size, active)
    chosen = _with_flags(chosen, problem, method, seeds, track, tuning, timeout, mem, threads)
    if seeds is not None and seeds.isdigit() and int(seeds) > 1:
        display.tell(f"One seed, {seeds}; --seeds 0:{seeds} runs {seeds} of them.")
    folder = out or Path(rest.get("out", "results"))
    salt = _read_salt(salt_file)
    if dry_run:
        from evaluation.running.plan import make_plan

        display.show_plan(
            make_plan(chosen, folder, salt=salt, only_failed=only_failed, force=force, shard=part)
        )
        return
    if reuse is not None:
        _take_published(chosen, reuse, folder, salt)
    with display.Live() as live:

        def announce(plan: "Plan") -> None:
            own = [cell for cell in plan.pending if not cell.is_control]
            live.begin(len(own), len(plan.pending), len(plan.cells))

        summary = run_suite(
            chosen,
            out=folder,
            n_jobs=jobs or rest.get("jobs"),
            salt=salt,
            private=[salt_file] if salt_file else [],
            only_failed=only_failed,
            force=force,
            shard=part,
            executor=executor,
            on_plan=announce,
            on_progress=live.advance,
        )
    display.show_summary(summary)
    if reuse is not None:
        from evaluation.publishing.reuse import data_note

        display.show_notes(data_note(folder))
    show_leaderboard(folder)
    if report:
        from evaluation.report import write_report

        display.show_paths(write_report(folder).values())
    else:
        display.tell(f"Results are in {folder}; `unfold report {folder}` writes the page.")
    if summary.n_failed:
        raise typer.Exit(SOME_FAILED)


def _choose(suite: str | None, config: Path | None) -> tuple["Suite", dict[str, Any]]:
    from evaluation.running.suites import Suite, get_suite, read_config

    if suite and config:
        raise typer.BadParameter("give a suite or a config file, not both; a config can name one")
    if config:
        return read_config(config)
    return (get_suite(suite) if suite else Suite()), {}


def _with_flags(
    suite: "Suite",
    problems: list[str] | None,
    methods: list[str] | None,
    seeds: str | None,
    tracks: list[str] | None,
    tuning: list[str] | None,
    timeout: str | None,
    mem: str | None,
    threads: int | None,
) -> "Suite":
    from evaluation.running.suites import override

    return override(
        suite,
        problems=problems or None,
        methods=methods or None,
        seeds=seeds,
        tracks=tracks or None,
        tuning=tuning or None,
        timeout=timeout,
        mem=mem,
        threads=threads,
    )


def _with_own(
    suite: "Suite", activations: Path | None, labels: Path | None, size: int | None, active: int
) -> "Suite":
    """Return the suite on one's own activations: by default the methods of real-v1."""
    from dataclasses import replace

    from evaluation.real.own import own_spec
    from evaluation.running.suites import get_suite

    if activations is None or labels is None:
        raise typer.BadParameter("give --activations and --labels, both")
    base = suite if suite.name else get_suite("real-v1")
    own = own_spec(activations, labels, n_components=size, n_active=active)
    return replace(base, problems=(own,), tracks=("informed",))


def _take_published(suite: "Suite", published: Path, out: Path, salt: str) -> None:
    from evaluation.publishing.reuse import reuse

    taken = reuse(suite, published, out, salt=salt)
    display.tell(f"{taken.n_records} published record(s) of {len(taken.methods)} methods reused.")
    display.show_notes(taken.notes)


def _read_salt(path: Path | None) -> str:
    return path.read_text().strip() if path else ""


def status(out: Annotated[Path, typer.Argument(help="Results folder.")]) -> None:
    """Say how far a run is, also while it goes on in another shell."""
    from evaluation.running.progress import run_status

    display.show_status(run_status(out))


def score(
    out: Annotated[Path, typer.Argument(help="Results folder.")], salt_file: SaltFile = None
) -> None:
    """Score stored estimates with the metrics of today; nothing is fitted again."""
    from evaluation.running.rescore import rescore

    changed, notes = rescore(out, salt=_read_salt(salt_file))
    display.say(f"{changed} record(s) scored anew in {out}.")
    display.show_notes(notes)


def merge(
    sources: Annotated[list[Path], typer.Argument(help="Results folders.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder that gets the union.")],
    keep: Annotated[str, typer.Option(help="Of two results of a cell: first or last.")] = "first",
) -> None:
    """Unite results folders; the sources stay as they are."""
    from evaluation.running.merge import merge as merge_folders

    merged = merge_folders(sources, out, keep=keep)
    display.say(f"{merged.n_copied} cell(s) copied to {out}, {merged.n_same} already there.")
    display.show_notes(merged.notes)


COMMANDS = (run, status, score, merge)
