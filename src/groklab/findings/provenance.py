"""What results cost, how they are made again, and where they come from, in words."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from groklab.findings.words import duration
from groklab.record import Record
from groklab.settings import differences
from groklab.studies.study import Experiment
from groklab.training.plan import with_parents


def run_command(record: Record, experiment: Experiment) -> str:
    """The command that makes these results, with a comment for settings that it does not say.

    The number of seeds is found by trying. Where only some of the study's runs were made, the comment says how many,
    and where they differ from the study as it is now, in what.
    """
    command = ["groklab", "run", record.study, "--scale", record.scale]
    most = len({run.seed for run in record.runs})
    for seeds in (None, *range(1, len(record.runs) + 1)):
        words = shlex.join([*command, *([] if seeds is None else ["--seeds", str(seeds)])])
        found = with_parents(experiment(record.scale, seeds).runs)
        if found == record.runs:
            return words
        if seeds is not None and set(found) > set(record.runs):
            return f"{words}  # the results are {len(record.runs)} of its {len(found)} runs"
        if seeds is not None and len(found) > len(record.runs) and seeds >= most:
            break
    runs = with_parents(experiment(record.scale).runs)
    changes = [change for now, was in zip(runs, record.runs, strict=False) for change in differences(now, was)]
    counts = [f"{len(runs)} runs -> {len(record.runs)} runs"] if len(runs) != len(record.runs) else []
    listed = "; ".join([*counts, *dict.fromkeys(changes)][:5])
    return f"{shlex.join(command)}  # the results were made with other settings: {listed}"


def cost_rows(scale: str, record: Record) -> list[Sequence[str]]:
    """A row a machine: scale, runs, run-steps, training, compiling, measuring, run-steps a second, machine."""
    sessions: dict[str, list[dict[str, Any]]] = {}
    for session in record.provenance:
        sessions.setdefault(_machine(session), []).append(session)
    rows: list[Sequence[str]] = []
    for machine, those in sessions.items():
        steps, seconds, compiling = (
            sum(session.get(name) or 0 for session in those) for name in ("run_steps", "seconds", "compiling_seconds")
        )
        # Results that were made before this was noted do not say it.
        measuring = [session["measuring_seconds"] for session in those if "measuring_seconds" in session]
        later = duration(sum(measuring)) if measuring else "not noted"
        pace = f"{steps / seconds:,.0f}" if seconds else "-"
        runs = str(len(record.runs))
        rows.append((scale, runs, f"{steps:,.0f}", duration(seconds), duration(compiling), later, pace, machine))
    return rows


def provenance_lines(record: Record) -> list[str]:
    """Versions, commits, machines and dates of a record, a list item each."""
    every = record.kept_every
    thinned = f"kept at about one step in {every}, beyond the first {every}" if every else ""
    return session_lines(record.provenance, steps=thinned)


def session_lines(sessions: Sequence[Mapping[str, Any]], *, steps: str = "") -> list[str]:
    """The same of sessions (`groklab.store.provenance`); `steps` says which of theirs were kept, where not all."""
    versions = [", ".join(f"{name} {v}" for name, v in session["versions"].items() if v) for session in sessions]
    commits = [_commit(session.get("commit")) for session in sessions]
    machines = [f"{_machine(session)}; {system(session.get('platform', 'system not known'))}" for session in sessions]
    how = [_how(session) for session in sessions]
    days = sorted({session["started"][:10] for session in sessions})
    begun = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(days)
    lines = {
        "begun": [begun],
        "steps": [steps],
        "commit": commits,
        "machine": machines,
        "trained by": how,
        "versions": versions,
    }
    return [f"- {name}: {'; '.join(dict.fromkeys(values))}" for name, values in lines.items() if any(values)]


def system(platform: str) -> str:
    """System, processor and C library of what `platform.platform()` said, without the kernel's build.

    `Linux-6.1.0-9-amd64-x86_64-with-glibc2.36` is `Linux, x86_64, glibc 2.36`; what is of no known form stays as it is.
    """
    if found := re.fullmatch(r"(Linux)-.+-([A-Za-z]\w*)-with(?:-([a-z]+)([\d.]+))?", platform):
        name, processor, library, version = found.groups()
        return f"{name}, {processor}" + (f", {library} {version}" if library else "")
    if found := re.fullmatch(r"(macOS)-([\d.]+)-([^-]+)(?:-.*)?", platform):
        return f"{found[1]} {found[2]}, {found[3]}"
    if found := re.fullmatch(r"(Windows)-([^-]+)-.*", platform):
        return f"{found[1]} {found[2]}"
    return platform


def _machine(session: Mapping[str, Any]) -> str:
    return f"{session.get('cpu', 'unknown')}, {session.get('cores', '?')} cores, device {session.get('device', '?')}"


def _commit(commit: dict[str, Any] | None) -> str:
    if commit is None:
        return "not known (an installed package)"
    return f"{commit['hash'][:12]}{', with changes not committed' if commit['dirty'] else ''}"


def _how(session: Mapping[str, Any]) -> str:
    known = [f"back end {session['backend']}"] if "backend" in session else []
    return ", ".join(known + ([f"precision {session['precision']}"] if "precision" in session else []))
