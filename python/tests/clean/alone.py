"""What the wheel is to a user who has numpy and nothing else.

Run in such an environment: ``python alone.py README.md FOLDER_OF_WHEELS``. Runs the Python code of the
README, and checks that no other package is needed or loaded, and that the wheel is small.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

LARGEST = 15e6
"""Bytes that the wheel may have."""
OPTIONAL = ["sklearn", "scipy", "pandas", "polars", "matplotlib", "tqdm", "joblib"]


def main() -> None:
    readme, wheels = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    blocks = re.findall(r"^```python\n(.*?)^```$", readme.read_text("utf-8"), flags=re.M | re.S)
    assert blocks, f"{readme} has no Python code"

    found = list(wheels.glob("*.whl"))
    assert len(found) == 1, f"found {len(found)} wheels in {wheels}"
    size = found[0].stat().st_size
    print(f"{found[0].name}: {size / 1e6:.1f} MB")
    assert size < LARGEST

    needed = importlib.metadata.requires("coregion") or []
    assert [line for line in needed if "extra ==" not in line] == ["numpy>=1.23"], needed

    os.chdir(tempfile.mkdtemp())
    warnings.simplefilter("ignore")  # what a fit says of its data is not at issue here
    for block in blocks:
        exec(compile(block, str(readme), "exec"), {"__name__": "__main__"})
    loaded = [name for name in OPTIONAL if name in sys.modules]
    assert not loaded, f"importing and using coregion loaded {loaded}"
    print(f"{len(blocks)} block(s) of {readme.name} ran with numpy alone")


if __name__ == "__main__":
    main()
