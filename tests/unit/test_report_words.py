"""The findings of a run in words: what is claimed, of what, and with which interval."""

import re

import pytest

from tests.unit.runs import make_run
from vbench.model import FAMILIES
from vbench.report import words
from vbench.report.view import view_of


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
