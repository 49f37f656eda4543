"""No number in a suite is too large or too small to be understood or refused: never a traceback."""

from collections.abc import Iterator

import msgspec
import pytest

from vbench import benchmarks, environments
from vbench import suite as suites
from vbench.errors import SuiteError
from vbench.suite import plan
from vbench.suite.shape import Method, TestbedSettings

NUMBERS = ("1e308", "5e-324", "-0.0", "-1", "0", "1e18", "nan", "inf", str(2**63 - 1), str(2**63), "9" * 400, "true")
TEXTS = ('"1e308 s"', '"99999999 h"', '"99999999 TiB"', '"99999999999 %"')

SUITE = """
name = "x"
benchmarks = [{bench}]
[method]
{method}
[testbed]
{testbed}
[environments.bare]
kind = "bare"
[environments.other]
{other}
"""


def suite(*, bench: str = '"cpu.hash"', method: str = "blocks = 2", testbed: str = "", other: str = "") -> str:
    return SUITE.format(bench=bench, method=method, testbed=testbed, other=other or 'kind = "bare"')


def with_each_key(value: str) -> Iterator[tuple[str, str]]:
    """The key, and a suite in which it has this value."""
    for field in msgspec.structs.fields(Method):
        rest = "" if field.name == "blocks" else "blocks = 2\n"
        yield f"method.{field.name}", suite(method=f"{rest}{field.name} = {value}")
    for field in msgspec.structs.fields(TestbedSettings):
        yield f"testbed.{field.name}", suite(testbed=f"{field.name} = {value}")
    for kind, made in environments.KINDS.items():
        for field in msgspec.structs.fields(made):
            yield f"{kind}.{field.name}", suite(other=f'kind = "{kind}"\n{field.encode_name} = {value}')
    for kind, measured in benchmarks.KINDS.items():
        name = f"{kind.partition('.')[0]}.x"
        for field in msgspec.structs.fields(measured):
            entry = f'{{kind = "{kind}", name = "{name}", {field.encode_name} = {value}}}'
            yield f"{kind}.{field.name}", suite(bench=entry)


@pytest.mark.parametrize("value", [*NUMBERS, *TEXTS], ids=lambda value: value[:12])
def test_every_key_takes_an_extreme_value_or_refuses_it(value: str) -> None:
    refused, planned = 0, 0
    for _, text in with_each_key(value):
        try:
            plan.make(suites.parse(text, source="x.toml"))
            planned += 1
        except SuiteError as error:
            assert error.message.isprintable()
            assert len(error.message) < 1000
            refused += 1
    assert refused > planned


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1e308", "method.trial: expected a duration such as '10 min', got 1e+308, which is too large"),
        ("5e-324", "method.trial: must be 1 ms or more"),
        ("9" * 400, "method.trial: expected a duration such as '10 min', got 9999"),
    ],
)
def test_a_trial_that_nobody_means_is_refused(value: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        suites.parse(suite(method=f"blocks = 2\ntrial = {value}"), source="x.toml")
    assert message in caught.value.message
