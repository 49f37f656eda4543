"""Stores a validation as `validation.json`, in a folder beside its runs, and writes the sentence to cite."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vbench.errors import RunFolderError
from vbench.host import untrusted
from vbench.model import Run
from vbench.report.citation import Citation
from vbench.store.files import storing, write_atomically
from vbench.validation.course import Validation, identifying
from vbench.validation.rows import Row, State

FILE = "validation.json"
_MOST_B = 2**22  # a hundred rows with their words have 50 KB


def save(results: Path, validation: Validation) -> Path:
    """`results/<validation id>/validation.json`, the sentence included. Raises RunFolderError, NoSpace."""
    path = results / validation.validation_id / FILE
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    whole = replace(validation, sentence=sentence(validation))
    write_atomically(path, msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")
    return path


def cited(folder: Path, run: Run) -> Citation:
    """The citation for a report of `run`. Raises RunFolderError for no validation, or one of another host."""
    path = folder / FILE if folder.is_dir() else folder
    try:
        validation = untrusted.decode(untrusted.read(path, most_b=_MOST_B), Validation, str(path))
    except (FileNotFoundError, untrusted.Untrusted) as error:
        hint = "`vbench validate` writes results/validate-…/validation.json"
        raise RunFolderError(f"{path} cannot be read as a validation: {error}", hint=hint) from None
    differing = [key for key, value in identifying(run.host).items() if validation.facts.get(key) != value]
    if differing:
        hint = "validate on the host of the run; a validation says nothing of another one"
        raise RunFolderError(f"{path} is of another host than the run: {', '.join(differing)}", hint=hint)
    return Citation(line(validation), validation.sentence)


def line(validation: Validation) -> str:
    """`validation on this host on 2026-11-22: 7 of 8 checks hold`; what did not hold comes first, by name."""
    holding = sum(row.state is State.HOLDS for row in validation.rows)
    failed = [row.check for row in validation.rows if row.state is State.FAILS]
    without = [row.check for row in validation.rows if row.state is State.IMPOSSIBLE]
    clauses = [f"does not hold for {_list(failed)}"] if failed else []
    clauses.append(f"{holding} of {len(validation.rows)} checks hold")
    clauses += [f"not possible here: {_list(without)}"] if without else []
    return f"validation on this host on {validation.day}: {'; '.join(clauses)}"


def sentence(validation: Validation) -> str:
    """`validated on this host on 2026-11-22: slope 1.01 (0.99 to 1.03), …`; what did not hold is named first."""
    figures = [_words(row) for row in validation.rows if row.state is State.HOLDS]
    failed = [row.check for row in validation.rows if row.state is State.FAILS]
    without = [row.check for row in validation.rows if row.state is State.IMPOSSIBLE]
    clauses = [f"validation on this host on {validation.day} did not hold for {_list(failed)}"] if failed else []
    if figures:
        clauses.append(f"validated on this host on {validation.day}: {', '.join(figures)}")
    if without:
        clauses.append(f"not possible here: {_list(without)}")
    return "; ".join(clauses)


def _words(row: Row) -> str:
    return f"{row.check} {row.figure}".strip()


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
