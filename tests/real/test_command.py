"""The suite that docs/use/command.md shows, run: natively, natively with the host's own files, and in a container."""

import json
import re
from pathlib import Path

import pytest

from tests.real.program import suite as small
from tests.real.program import vbench
from vbench import store
from vbench.model import Failed, Measured
from vbench.text import reason_text

PAGE = Path(__file__).parents[2] / "docs" / "use" / "command.md"
COMPRESS = '#!/bin/sh\ncase "$1" in\n-9) gzip -9 < "$2" > out.gz ;;\n*) echo "rate: 12.5 MB/s" ;;\nesac\n'
QUEUE = '#!/bin/sh\necho \'{"latency": {"p50": 250}}\'\n'
HOSTS_OWN = '[environments.own]\nkind = "bare"\nroot = "host"\n'


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """As shown, but for an arm more, and trials that are soon over."""
    shown = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)[0]
    short = re.sub(r'^(trial|warmup) = ".*"$', r'\1 = "20 ms"', shown, flags=re.MULTILINE)
    short = short.replace("[method]", '[method]\ngates = "record"')
    folder = tmp_path / "compress"
    folder.mkdir()
    for name, script in (("compress", COMPRESS), ("queue", QUEUE)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    (folder / "corpus.tar").write_bytes(bytes(range(256)) * 400)
    (tmp_path / "scratch").mkdir()
    scratch = f'[testbed]\nscratch = "{tmp_path / "scratch"}"\n'
    (tmp_path / "mine.toml").write_text(f"{short}\n{HOSTS_OWN}\n{scratch}")
    return tmp_path / "mine.toml"


@pytest.mark.usefixtures("runc")
def test_the_suite_of_the_page_measures_a_command_everywhere(suite: Path, tmp_path: Path) -> None:
    done = vbench("run", str(suite), "--blocks", "1", "--results", str(tmp_path / "results"))
    assert done.status == 0, done.stderr.decode()
    run = store.load(Path(done.text.strip()))
    assert len(run.trials) == 2 * 4 * 3
    assert {trial.rounds for trial in run.trials if trial.block == 0} == {2}  # all arms are together in it
    for trial in run.trials:
        assert isinstance(trial.outcome, Measured), trial
        assert trial.outcome.padding_seen_b == trial.padding_b
    picked = {t.benchmark: set(t.outcome.samples["value"]) for t in run.trials if t.benchmark != "app.compress"}  # type: ignore[union-attr]
    assert picked == {"app.rate": {12.5e6}, "app.queue": {250 * 1e-6}}
    digests = {record.settings["folder_digest"] for record in run.manifest.benchmarks}
    assert len(digests) == 1
    assert digests.pop().startswith("sha256:")
    assert list((tmp_path / "scratch").iterdir()) == []
    document = json.loads(vbench("report", str(run.path), "--format", "json").stdout)
    units = {(cost["benchmark"], cost["unit"], cost["better"]) for cost in document["costs"]}
    assert units == {("app.compress", "s", "lower"), ("app.rate", "B/s", "higher"), ("app.queue", "s", "lower")}


def test_names_of_this_machine_do_not_enter_a_run_by_what_a_command_prints(tmp_path: Path) -> None:
    """Arguments, standard output, complaints and the reason of a failure all pass the store's cleaner."""
    home = str(Path.home())
    script = f"echo marked; echo {home}/secret; echo {home}/other >&2; exit 1"
    entry = f'{{kind = "command", name = "app.tells", argv = ["sh", "-c", "{script}"]}}'
    written = small(tmp_path, base='kind = "bare"\nroot = "host"', benchmarks=entry)
    done = vbench("run", written, "--results", str(tmp_path / "results"))
    assert done.status == 4, done.stderr.decode()
    run = store.load(Path(done.text.strip()))
    reasons = {reason_text(trial.outcome.reason) for trial in run.trials if isinstance(trial.outcome, Failed)}
    assert reasons == {"sh ended with status 1: ~/other"}
    kept = b"".join(path.read_bytes() for path in run.path.rglob("*") if path.is_file())
    assert b"\nmarked\n~/secret\n" in b"\n" + (run.path / "raw" / "000-base-app.tells-stdout.txt").read_bytes()
    assert f"{home}/".encode() not in kept
