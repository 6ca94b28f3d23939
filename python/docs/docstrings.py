"""Types in docstrings as they are written: ``array-like (n, d)``, ``{"a", "b"}, array or None``.

The parser of numpy-style docstrings reads types as Python, which makes a subtraction of the first, and takes
the first of the choices in braces for the default. A word joiner before a type, which is not seen, makes it
text; defaults are then those of the signature.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_TYPE = re.compile(r"^(\s*\w+(?:, \w+)* : )(?=\S)", re.MULTILINE)


class TypesAsText(Extension):
    """Marks the types in the docstrings of what is loaded."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrites the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = _TYPE.sub("\\1\u2060", obj.docstring.value)
