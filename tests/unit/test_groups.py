"""Arms that cannot all be alive together are measured in groups, each beside the baseline: the plan of such a run."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.fakes import APART, FEW, a_suite
from vbench import suite as suites
from vbench.errors import SuiteError
from vbench.model import Plan
from vbench.suite import Suite
from vbench.suite import plan as plans

WIDE = st.integers(2, 9)


def of_arms(arms: int, blocks: int = 6) -> Suite:
    """A suite of so many arms beside the control, of which the second is the baseline."""
    tables = [f'[environments.e{number}]\nkind = "fake"' for number in range(2, arms)]
    return a_suite(FEW.replace("blocks = 6", f"blocks = {blocks}").replace('baseline = "a"', 'baseline = "b"'), *tables)


@given(arms=WIDE, alive=WIDE)
@settings(deadline=None)
def test_the_baseline_is_in_every_group_and_every_other_arm_in_one_in_the_suites_order(arms: int, alive: int) -> None:
    plan = plans.make(of_arms(arms, blocks=1), alive=alive)
    if alive > arms:
        assert plan == plans.make(of_arms(arms, blocks=1))
        assert plan.groups == ()
        return
    assert {group[0] for group in plan.groups} == {"b"}
    assert [arm for group in plan.groups for arm in group[1:]] == [arm for arm in plan.environments if arm != "b"]
    sizes = [len(group) for group in plan.groups]
    assert 2 <= min(sizes) <= max(sizes) <= min(alive, min(sizes) + 1)
    assert (len(sizes) - 1) * (alive - 1) < arms  # one group fewer could not hold all others
    assert plan.groups == plans.make(of_arms(arms, blocks=1), alive=max(sizes)).groups  # as a resumed run makes it


@given(arms=WIDE, alive=WIDE, blocks=st.integers(1, 13), seed=st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_groups_starts_and_turns_are_balanced_over_the_blocks(arms: int, alive: int, blocks: int, seed: int) -> None:
    plan = plans.make(of_arms(arms, blocks), seed=seed, alive=alive)
    places: Counter[tuple[str, int, object, int]] = Counter()
    for block in plan.blocks:
        assert [step.position for step in block.steps] == list(range(len(block.steps)))
        assert sorted((step.environment, step.group) for step in block.steps) == sorted(plan.starts)
        for at, part in enumerate(plans.parts(block)):
            (group,) = {step.group for step in part.steps}
            orders = {"start": [step.environment for step in part.steps]} | {
                name: [plan.environments[arm] for arm in turn]
                for name, turn in zip(part.benchmarks, part.turns, strict=True)
            }
            assert all(
                sorted(order) == sorted((plan.groups or (plan.environments,))[group]) for order in orders.values()
            )
            if block.index:
                places["group", 0, group, at] += 1
                places.update((what, group, arm, n) for what, order in orders.items() for n, arm in enumerate(order))
    things = {(what, group) for what, group, _, _ in places}
    for what, group in things:
        own = {key[2:]: count for key, count in places.items() if key[:2] == (what, group)}
        members, positions = {member for member, _ in own}, {position for _, position in own}
        for position in positions:
            counts = [own.get((member, position), 0) for member in members]
            assert max(counts) - min(counts) <= 1


def test_the_steps_and_turns_of_a_group_stand_together() -> None:
    plan = plans.make(of_arms(5, 40), alive=3)
    assert plan.groups == (("b", "a"), ("b", "e2", "e3"), ("b", "e4", "control"))
    for block in plan.blocks:
        parts = list(plans.parts(block))
        assert [step for part in parts for step in part.steps] == list(block.steps)
        assert [len(part.steps) for part in parts] == [len(plan.groups[part.steps[0].group]) for part in parts]
        joined = [tuple(arm for part in parts for arm in part.turns[at]) for at in range(len(block.benchmarks))]
        assert joined == list(block.turns)
    assert len({tuple(part.steps[0].group for part in plans.parts(block)) for block in plan.blocks}) == 6


def test_a_shorter_plan_in_groups_is_the_beginning_of_a_longer_one() -> None:
    few, more = (plans.make(of_arms(5, blocks), seed=3, alive=3) for blocks in (5, 20))
    assert few.blocks == more.blocks[:6]


def test_the_turns_of_two_groups_are_drawn_apart() -> None:
    plan = plans.make(of_arms(3, 24), alive=3)
    pairs = {tuple(tuple(s.environment == "b" for s in part.steps) for part in plans.parts(b)) for b in plan.blocks}
    assert len(pairs) > 3


@pytest.mark.parametrize("alive", [1, 0])
def test_where_not_even_two_can_be_alive_there_are_no_groups(alive: int) -> None:
    assert plans.make(of_arms(4), alive=alive) == plans.make(of_arms(4))


def test_arms_that_take_no_turns_have_no_groups() -> None:
    suite = a_suite(FEW.replace(*APART))
    assert plans.make(suite, alive=2) == plans.make(suite)


def test_the_expected_duration_counts_the_baseline_once_for_each_group() -> None:
    suite = of_arms(4)
    plan = plans.make(suite, alive=3)
    slices = {
        len(group): sum(plans.rounds(suite, n, arms=len(group)) for n in suite.benchmarks) for group in plan.groups
    }
    arm_s = plans.start_s(suite, "b") + plans.trials_s(suite)
    block_s = sum(len(group) * (arm_s + slices[len(group)] * plans.SLICE_S) for group in plan.groups)
    assert plan.expected_s == pytest.approx(7 * block_s)
    assert plan.expected_s > plans.make(suite).expected_s


def test_a_suite_whose_groups_do_not_fit_its_budget_is_refused_and_says_that_it_has_groups() -> None:
    suite = of_arms(4)
    enough = replace(suite, method=replace(suite.method, budget=plans.make(suite).expected_s))
    plans.make(enough)
    with pytest.raises(SuiteError, match="in 2 groups of environments"):
        plans.make(suites.restrict(enough), alive=3)


def test_a_plan_of_an_older_folder_has_one_group_of_all() -> None:
    document = msgspec.to_builtins(plans.make(of_arms(3)))
    del document["groups"]
    for step in (step for block in document["blocks"] for step in block["steps"]):
        del step["group"]
    assert msgspec.convert(document, Plan) == plans.make(of_arms(3))
    assert plans.make(of_arms(3)).starts == tuple((arm, 0) for arm in ("a", "b", "e2", "control"))
