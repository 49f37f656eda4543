"""The page is one file that fetches nothing, runs its own scripts alone, and is closed to hostile names."""

import base64
import gzip
import hashlib
import re
from importlib import resources

from msgspec.structs import replace
from plotly.offline import get_plotlyjs_version

from tests.unit.documents import Document, figures, packed
from tests.unit.large_runs import large_run
from tests.unit.runs import BIDI, HOSTILE, gated, make_run
from vbench import report
from vbench.facts.registry import KEYS
from vbench.model import Fact

VENDORED = resources.files("vbench.report.page").joinpath("vendor", "plotly-cartesian.min.js")
TWO_MB = 2_000_000


def test_the_vendored_plotly_is_the_one_that_python_s_plotly_draws_for() -> None:
    version = re.search(r"plotly\.js \(cartesian - minified\) v(\S+)", VENDORED.read_text(encoding="utf-8")[:200])
    assert version is not None
    assert version[1] == get_plotlyjs_version()


def test_the_page_is_one_small_file(page: str) -> None:
    assert len(page.encode()) < TWO_MB / 1.5


def test_the_page_of_the_whole_set_of_benchmarks_is_small_too() -> None:
    """With as many facts as a real host tells, each with its source."""
    run = large_run()
    value = Fact("a value as long as most of them are", "/sys/devices/system/somewhere/file")
    known = {key.name: value for key in KEYS}
    full = replace(run, host=known, facts={arm: known | found for arm, found in run.facts.items()})
    assert len(report.html(gated(full)).encode()) < TWO_MB


def test_the_same_run_gives_the_same_bytes(page: str) -> None:
    assert report.html(make_run()) == page


def test_nothing_in_the_page_points_outside(document: Document) -> None:
    pointing = {"src", "srcset", "href", "action", "data", "poster", "background", "ping"}
    targets = [value for _, attributes in document.elements for name, value in attributes.items() if name in pointing]
    assert targets
    assert all(value is not None and value.startswith("#") for value in targets)


def test_the_policy_forbids_every_fetch_and_allows_the_page_s_own_two_scripts_alone(document: Document) -> None:
    policy = next(meta["content"] for meta in document.all("meta") if "http-equiv" in meta) or ""
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    own = [
        hashlib.sha256(text.encode()).digest() for text in (document.scripts[2], VENDORED.read_text(encoding="utf-8"))
    ]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in own]
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_plotly_comes_out_of_the_page_as_it_went_in(document: Document) -> None:
    assert gzip.decompress(base64.b64decode(document.scripts[1])) == VENDORED.read_bytes()


def test_charts_offer_no_cloud(document: Document) -> None:
    for setting in ("displaylogo: false", "showSendToCloud: false", 'plotlyServerURL: ""'):
        assert setting in document.scripts[2]


def test_the_template_is_shipped_once(document: Document) -> None:
    found = figures(document)
    assert "paper_bgcolor" in found["template"]["layout"]
    assert not any("template" in figure["layout"] for figure in found["figures"].values())


def test_no_name_of_a_baseline_ends_the_style_that_labels_its_columns() -> None:
    run = make_run(blocks=5)
    name = 'a"; } </style><script>"\\'
    renamed = tuple(replace(trial, environment=name) if trial.environment == "bare" else trial for trial in run.trials)
    records = tuple(replace(one, name=name) if one.name == "bare" else one for one in run.manifest.environments)
    manifest = replace(run.manifest, baseline=name, environments=records, confirmatory=())
    page = report.html(replace(run, manifest=manifest, trials=renamed))
    style = page[page.index("<style>") : page.index("</style>")]
    assert 'content: "a\\22 ; } \\3c /style\\3e \\3c script\\3e \\22 \\5c , median: "' in style
    assert len(Document(page).all("style")) == 2


def test_hostile_names_stay_text() -> None:
    document = Document(report.html(make_run(hostile=True)))
    assert not document.all("img")
    assert not any(name.startswith("on") for _, attributes in document.elements for name in attributes)
    assert len(document.all("script")) == 3
    assert HOSTILE in document.text
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", document.scripts[0])


def test_a_bidirectional_name_cannot_turn_what_stands_beside_it() -> None:
    page = report.html(make_run(hostile=True))
    for text in (page, packed(Document(page))):
        assert BIDI not in text
        assert "\u202e" not in text
        assert "\\u202e" not in text
    assert "safe⟨U+202E⟩gnp.exe" in page


def test_a_chart_reads_no_markup_out_of_a_name() -> None:
    document = Document(report.html(make_run(hostile=True)))
    names = {trace.get("name", "") for figure in figures(document)["figures"].values() for trace in figure["data"]}
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in names
