"""The manifest's schema: written out of the Worker's own (`src/adapter/manifest.ts`).

`manifest.schema.json` is kept current by `test/adapter/manifestSchema.test.ts`. It is a file, so
that publishing and rolling back need no Node.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match


@cache
def _validator() -> Draft202012Validator:
    text = Path(__file__).with_name("manifest.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def faulty_field(manifest: Any) -> str | None:
    """The path of the first field that the Worker would not read, such as `files.0.sha256`; never a
    value. None where each field is as it has to be.
    """
    error = best_match(_validator().iter_errors(manifest))
    if error is None:
        return None
    words = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        words += [name for name in error.validator_value if name not in error.instance][:1]
    return ".".join(words) or "(the whole)"
