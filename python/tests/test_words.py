"""Messages of the core reach Python users in the words of the Python package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import coregion as cg

ROOT = Path(__file__).parents[2]


def test_every_name_of_rust_in_a_message_has_words_in_python() -> None:
    words = (ROOT / "python" / "src" / "words.rs").read_text(encoding="utf-8")
    names = set()
    for file in (ROOT / "src").rglob("*.rs"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.lstrip().startswith("//"):
                names |= set(re.findall(r"`\w+::\w+`", line))
    assert len(names) > 5
    assert not [name for name in sorted(names) if name not in words]


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_a_message_in_words_of_python() -> None:
    gp = cg.MultiTaskGP().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.5], noise_variance=[0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="noise_variance") as raised:
        gp.condition([[3.0]], [0.0])
    assert "::" not in str(raised.value)
