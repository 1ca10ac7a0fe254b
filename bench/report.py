"""What was measured: one value per line, as a table for people and as JSON for comparison."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure in `unit`, over `rounds`.

    target: what it is held to; a figure meets it from below, or (`at_least`) from above.
    peer: the other side's figure in the same run. note: what one must know to read the figure.
    """

    name: str
    figure: float
    unit: str
    rounds: int
    target: float | None = None
    at_least: bool = False
    peer: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.figure >= self.target if self.at_least else self.figure <= self.target

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer."""
        if self.peer is None:
            return None
        ours, theirs = (self.figure, self.peer) if self.at_least else (self.peer, self.figure)
        return ours / theirs


def percentile(rounds: Sequence[Sequence[float]], percent: float) -> float:
    """The median over rounds of each round's percentile."""
    return float(np.median([np.percentile(values, percent) for values in rounds]))


def table(measurements: Sequence[Measurement]) -> str:
    rows = [("what", "figure", "target", "met", "peer", "ratio", "rounds"), *map(_row, measurements)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    notes = [f"  {item.name}: {item.note}" for item in measurements if item.note]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *notes])


def write(measurements: Sequence[Measurement], *, quick: bool, load_before: float) -> Path:
    """JSON in `bench/results/`; a later run of the same day and commit replaces it.

    load_before: the machine's load average of the last minute before the run.
    """
    now = datetime.now(UTC)
    commit = _commit()
    report = {
        "at": now.isoformat(timespec="seconds"),
        "commit": commit,
        "quick": quick,
        "machine": {
            "cpus": os.cpu_count(),
            "load_average_before": load_before,
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "measurements": [asdict(item) | {"met": item.met, "ratio": item.ratio} for item in measurements],
    }
    path = RESULTS / f"{now:%Y-%m-%d}-{commit}{'-quick' if quick else ''}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    return path


def _row(item: Measurement) -> tuple[str, ...]:
    bound = "≥" if item.at_least else "≤"
    return (
        item.name,
        f"{_digits(item.figure)} {item.unit}".strip(),
        "" if item.target is None else f"{bound} {item.target:g}",
        {True: "yes", False: "NO", None: ""}[item.met],
        "" if item.peer is None else _digits(item.peer),
        "" if item.ratio is None else f"{item.ratio:.1f}×",
        str(item.rounds),
    )


def _digits(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 or figure == int(figure) else f"{figure:.3g}"


def _commit() -> str:
    """The short commit, or `dirty` when the tree is not what was committed."""
    if _git("status", "--porcelain") != "":
        return "dirty"
    return _git("rev-parse", "--short", "HEAD") or "dirty"


def _git(*arguments: str) -> str:
    try:
        ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return ran.stdout.strip()
