"""The findings of a run in words: what is claimed, of what, and with which interval."""

import re

import pytest
from msgspec.structs import replace

from tests.unit.runs import make_run
from vbench import report
from vbench.model import FAMILIES
from vbench.report import words
from vbench.report.view import view_of
from vbench.text import counted


def test_every_family_has_words() -> None:
    assert set(FAMILIES) == set(words.FAMILY_WORDS)
    assert words.family("of another version") == "of another version"


@pytest.mark.parametrize("blocks", [1, 4])
def test_below_five_blocks_nothing_is_claimed(blocks: int) -> None:
    seen = view_of(make_run(blocks=blocks, losses=False))
    assert [found.claims for found in words.summaries(seen)] == [(), ()]
    assert all("nothing is claimed" in found.count for found in words.summaries(seen))
    assert "unknown" in words.control_sentence(seen)
    assert "dots only" in words.standing(seen)


@pytest.mark.parametrize(("blocks", "share"), [(1, "95 %"), (10, "26 %"), (15, "19 %"), (40, "8 %")])
def test_what_no_block_has_shown_is_a_limit_of_the_results(blocks: int, share: str) -> None:
    run = make_run(blocks=blocks, losses=False)
    sentence = words.seldom(blocks)
    assert sentence.startswith(f"{counted(blocks, 'block')} can miss what happens in up to {share} of blocks")
    assert sentence in words.limits(view_of(run))
    assert f"<li>{sentence}</li>" in report.html(run)
    assert sentence in report.markdown(run)
    assert sentence in report.explain(run, "cpu.hash", "runc")
    assert report.json_document(run)["unseen"] == sentence


def test_without_a_block_nothing_is_told_of_rare_events() -> None:
    run = replace(make_run(blocks=1), trials=())
    assert not any("can miss" in line for line in words.limits(view_of(run)))
    assert report.json_document(run)["unseen"] is None


def test_every_claim_has_its_interval_and_the_control_s_beside_it() -> None:
    seen = view_of(make_run())
    claims = [claim for found in words.summaries(seen) for claim in found.claims]
    assert len(claims) > 6
    assert all(re.fullmatch(r"control [\d.]+ to [\d.]+", claim.noise) for claim in claims)
    said = r"slower (by|at) [\d.]+( %|×) \([\d.]+ to [\d.]+( %)?\), (exploratory|confirmatory)"
    assert all(re.fullmatch(said, claim.verdict) for claim in claims)
    assert {claim.where for claim in claims} >= {"system calls", "start-up", "disk"}


def test_claims_are_the_largest_of_their_family_largest_first() -> None:
    tcg = words.summaries(view_of(make_run()))[1]
    costs = [float(claim.cost.rstrip("×")) for claim in tcg.claims]
    assert costs == sorted(costs, reverse=True)
    assert [claim.metric for claim in tcg.claims][:2] == ["start.ready time", "syscall.fork latency"]
