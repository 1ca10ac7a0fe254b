"""`make chaos`: processes killed at random under load, and what became of everything that was acknowledged."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench import report
from bench.chaos import verdict
from bench.chaos.house import house
from bench.chaos.play import perform

KILLS, SECONDS, SEED = 200, 300.0, 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=KILLS, help="kill -9 of a process; other troubles come with them"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long there is trouble")
    parser.add_argument("--seed", type=int, default=SEED, help="of who is killed when, and what the clients do")
    parser.add_argument("--keep", type=Path, help="an empty folder with a short path that keeps data and logs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atrium-chaos-") as folder, house(options.keep or Path(folder)) as place:
        play = asyncio.run(
            perform(place, kills=options.kills, seconds=options.seconds, seed=options.seed, tell=_tell)
        )
        figures = verdict.of(play, place)
    print(f"\n\n{report.table(figures)}\n\nseed {options.seed}, {play.seconds:.0f} s in all")
    return 0 if all(figure.met is not False for figure in figures) else 1


def _tell(progress: str) -> None:
    """In place on a terminal, now and then in a log."""
    end = "\r" if sys.stderr.isatty() else "\n"
    print(progress, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
