"""Files of truezero with something in them changed, sealed again or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import save_file

from truezero.core.tensors import write_tensors


def content_of(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Record, arrays and metadata of a file."""
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    return json.loads(metadata["truezero"]), tensors, metadata


def forge(source: Path, target: Path, change: Callable[[Any, Any], Any]) -> Path:
    """Change record and arrays, and write a file that has the digest of what it holds."""
    record, tensors, _ = content_of(source)
    change(record, tensors)
    for name in ("arrays", "digest"):
        record.pop(name, None)
    write_tensors(target, tensors, record, kind=record.get("kind", ""))
    return target


def damage(source: Path, target: Path, change: Callable[[Any, Any], Any]) -> Path:
    """Change arrays and metadata as any program could, and leave the digest of before."""
    _, tensors, metadata = content_of(source)
    change(metadata, tensors)
    save_file(tensors, target, metadata)
    return target


def as_of_before(source: Path, target: Path, change: Callable[[Any, Any], Any] = lambda *_: None) -> Path:
    """Write a file as versions did that knew no digest and did not list the arrays."""
    record, tensors, _ = content_of(source)
    for name in ("arrays", "digest"):
        record.pop(name, None)
    change(record, tensors)
    save_file(tensors, target, {"truezero": json.dumps(record)})
    return target
