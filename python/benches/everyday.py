"""What the wheel costs in everyday use; writes benchmarks/python.md.

Run where the wheel is installed: ``python python/benches/everyday.py [FOLDER_OF_WHEELS]``. Measured are
the import
beyond numpy's, how long Ctrl-C takes to end a fit, and a large prediction with its memory.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parents[2] / "benchmarks" / "python.md"
REPEATS = 11


def import_cost(module: str) -> tuple[float, float]:
    """Seconds and megabytes of an import in a fresh interpreter."""
    code = (
        "import time, resource; t = time.perf_counter(); "
        f"import {module}; "
        "s = time.perf_counter() - t; "
        "pages = int(open('/proc/self/statm').read().split()[1]); "
        "print(s, pages * resource.getpagesize() / 1e6)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, out.stdout.split())
    return seconds, megabytes


def imports() -> tuple[float, float]:
    """Median extra seconds and megabytes of ``import coregion`` after ``import numpy``, interleaved."""
    pairs = [(import_cost("numpy"), import_cost("numpy, coregion")) for _ in range(REPEATS)]
    seconds = statistics.median(b[0] - a[0] for a, b in pairs)
    megabytes = statistics.median(b[1] - a[1] for a, b in pairs)
    return seconds, megabytes


def table(n: int, d: int, n_tasks: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth functions of random inputs, with noise."""
    rng = np.random.default_rng(7)
    X = rng.uniform(size=(n, d))
    Y = np.sin(2.0 * X @ rng.normal(size=(d, n_tasks))) + 0.1 * rng.normal(size=(n, n_tasks))
    return X, Y


def interrupted(n: int, after: float) -> float:
    """Seconds from Ctrl-C to ``KeyboardInterrupt`` in a fit of n rows."""
    import coregion as cg

    X, Y = table(n, 4, 8)
    sent = 0.0

    def press() -> None:
        nonlocal sent
        time.sleep(after)
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        cg.MultiTaskGP(n_restarts=20).fit(X, Y)
    except KeyboardInterrupt:
        waited = time.perf_counter() - sent
    else:
        raise SystemExit("the fit ended before it was interrupted")
    thread.join()
    cg.MultiTaskGP().fit(X[:30], Y[:30]).predict(X[:2])  # the process goes on working
    return waited


def prediction(m: int, n: int, n_tasks: int) -> dict[str, float]:
    """Seconds of a prediction of m rows with standard deviations, and memory above the data's."""
    import coregion as cg
    from coregion import kernels, tasks

    X, Y = table(n, 4, n_tasks)
    gp = cg.MultiTaskGP(
        kernel=kernels.Matern52(lengthscale=[0.7] * 4),
        task=tasks.LowRank(rank=2, W=np.ones((n_tasks, 2)) * [0.5, -0.3], kappa=np.full(n_tasks, 0.1)),
        noise=np.full(n_tasks, 0.01),
        optimizer=None,
    )
    gp.fit(X, Y)
    Xs = np.random.default_rng(8).uniform(size=(m, 4))
    before = peak()
    started = time.perf_counter()
    mean, std = gp.predict(Xs, return_std=True)
    seconds = time.perf_counter() - started
    answers = (mean.nbytes + std.nbytes) / 1e6
    return {"seconds": seconds, "before": before, "peak": peak(), "answers": answers}


def peak() -> float:
    """Peak memory of the process in megabytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def in_a_process(call: str) -> object:
    """The value of a call of this file's in a fresh interpreter."""
    code = f"import json, everyday; print(json.dumps(everyday.{call}))"
    folder = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(out.stdout.splitlines()[-1])


def processor() -> str:
    """The processor's name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def main() -> None:
    """Measures, prints and writes the table."""
    wheels = sorted(Path(sys.argv[1]).glob("*.whl")) if len(sys.argv) > 1 else []
    seconds, megabytes = imports()
    waits = {
        n: [float(in_a_process(f"interrupted({n}, {after})")) for after in (0.5, 1.1, 1.7, 2.3, 2.9)]  # type: ignore[arg-type]
        for n in (1000, 2000)
    }
    large = in_a_process("prediction(100_000, 2000, 16)")
    assert isinstance(large, dict)
    rows = [
        ("import coregion, beyond import numpy", f"{seconds * 1e3:.0f} ms, {megabytes:.1f} MB"),
        *(
            (
                f"Ctrl-C in a fit of n = {n}, T = 8, until KeyboardInterrupt",
                f"median {statistics.median(w):.2f} s, longest {max(w):.2f} s of {len(w)}",
            )
            for n, w in waits.items()
        ),
        ("100,000 rows predicted with std, n = 2,000, T = 16", f"{large['seconds']:.1f} s"),
        (
            "peak memory of the whole process that fitted and predicted",
            f"{large['peak']:.0f} MB, {large['peak'] - large['before']:.0f} MB above the peak of the fit "
            f"({large['answers']:.0f} MB are answers)",
        ),
    ]
    rows += [("wheel", f"{wheel.stat().st_size / 1e6:.1f} MB") for wheel in wheels]
    lines = [
        "# The Python package",
        "",
        f"Written by `python/benches/everyday.py` on {datetime.date.today()}: {processor()}, Python "
        f"{platform.python_version()}, numpy {np.__version__}. Imports are medians of {REPEATS} pairs of "
        "fresh interpreters.",
        "",
        "| what | measured |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
    ]
    TABLE.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
