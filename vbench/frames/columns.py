"""Defines the columns of each table and their meaning, for the frames, the Parquet files and docs/use/api.md."""

from dataclasses import dataclass, replace
from typing import Literal

Dtype = Literal["category", "string", "bool", "int16", "int32", "int64", "Int64", "float64"]
"""As pandas names it. Unknown is NaN in `float64`, NA in `Int64`, `string` and `category`;
no other type has unknown values."""


@dataclass(frozen=True)
class Column:
    """`unit` is a base unit, or "own" for that which stands in the row's column `unit`.

    A `computed` column is arithmetic on the journal's numbers, so that another libm may give another last bit.
    """

    name: str
    dtype: Dtype
    about: str
    unit: str = ""
    computed: bool = False
    since: int = 1  # schema of the run folder from which on its Parquet files have this column


_PLACE = (
    Column("block", "int32", "0 is the calibration, which enters no number"),
    Column("attempt", "int16", "at the block; above 0 when the one before was voided"),
    Column("position", "int16", "of the environment within the block, from 0"),
    Column("order", "int16", "of the benchmark within the start, from 0"),
    Column("environment", "category", "name, as the suite gives it"),
    Column("benchmark", "category", "`family.name`"),
    Column("metric", "category", ""),
)
_METRIC = (
    Column("unit", "category", "base unit: s, B, B/s, 1/s or 1"),
    Column("better", "category", "`lower` or `higher`"),
)
_GROUP = Column("group", "int16", "of the arms that were alive together, from 0: the baseline is in every one", since=4)
_FLAGS = (
    Column("void", "bool", "a gate, or a pause of the run, voided this attempt at the block, in all arms"),
    Column("used", "bool", "the trial's number enters the costs"),
)

SAMPLES = (
    *_PLACE,
    *_METRIC,
    Column("index", "int32", "of the sample within trial and metric, from 0, in the order taken"),
    Column("value", "float64", "the sample", "own"),
    Column("loops", "Int64", "operations inside one sample of a compiled kernel"),
    *_FLAGS,
    _GROUP,
)

BLOCKS = (
    *_PLACE,
    *_METRIC,
    Column("outcome", "category", "`measured`, `failed` or `skipped`"),
    Column("samples", "int32", "number of samples"),
    Column("value", "float64", "the trial's number: the median of its samples", "own", computed=True),
    Column("cost", "float64", "this block's ratio to the baseline, above 1 is worse", "1", computed=True),
    Column(
        *("difference", "float64", "this block's difference to the baseline, of a metric without ratio", "own"),
        computed=True,
    ),
    *_FLAGS,
    Column("why", "string", "why it is not used; empty when it is"),
    Column("reason", "string", "of a failed or skipped trial"),
    Column("reason_kind", "category", "the same as one of a closed set of words; none of a measured trial", since=3),
    Column("hint", "string", "of a failed or skipped trial"),
    Column("notes", "string", "what a reader must know of a measured trial, joined by `; `"),
    Column("started_s", "float64", "Unix time", "s"),
    Column("wall_s", "float64", "the host's wall time of the whole trial, transport included", "s"),
    Column("host_cpu_s", "float64", "processor time of all that served the environment in `wall_s`", "s"),
    Column("operations", "float64", "executed from the first to the last, warm-up included if it is counted", "1"),
    Column("operations_cpu_s", "float64", "of `host_cpu_s`, from the first operation to the last", "s"),
    Column("loops", "Int64", "operations inside one sample of a compiled kernel"),
    Column("clock", "category", "that the workload read"),
    Column("padding_b", "int32", "random environment padding, requested", "B"),
    Column("padding_seen_b", "Int64", "the same, as the workload saw it", "B"),
    Column("raw", "string", "the tool's own output, path inside the run folder"),
    Column("turn", "Int64", "of the arm in the first round, from 0; none where no arm was alive beside it", since=4),
    Column("rounds", "int32", "slices that the trial was measured in, between those of other arms", since=4),
    Column("own_s", "float64", "time of `wall_s` in which this arm worked; none: all of it", "s", since=4),
    Column("idle_cpu_s", "float64", "processor time of the other arms while this one was measured", "s", since=4),
    _GROUP,
)

HISTOGRAMS = (
    *_PLACE,
    Column("bin_ns", "int64", "the histogram's bin", "ns"),
    Column("count", "int64", "operations in it", "1"),
    *_FLAGS,
    _GROUP,
)

_AGAINST = {
    "cost": "ratio to the arm before, above 1 is worse",
    "baseline_median": "of the arm before, over the blocks that count",
    "baseline_processors": "of the host, busy for the arm before during its trials",
    "group": "of the arm; where the arm before is in another one, each is compared with the baseline of its own",
    "baseline_cpu_s_per_operation": "of the arm before: processor time of the host for one operation",
}

_FINDING = (
    *(Column(name, "category", about) for name, about in (("environment", ""), ("benchmark", ""), ("metric", ""))),
    *_METRIC,
    Column("cost", "float64", "ratio to the baseline, above 1 is worse", "1"),
    Column("low", "float64", "lower end of its 95 % interval", "1"),
    Column("high", "float64", "upper end", "1"),
    Column("difference", "float64", "instead of `cost` for a metric without ratio, above 0 is worse", "own"),
    Column("difference_low", "float64", "lower end of its 95 % interval", "own"),
    Column("difference_high", "float64", "upper end", "own"),
    Column("blocks", "int32", "in which both arms have a number"),
    Column("verdict", "category", "`slower`, `faster`, `equivalent`, `inconclusive`, `withheld`; none below 10 blocks"),
    Column("role", "category", "`confirmatory`, `exploratory` or `control`"),
    Column("rule", "string", "which gave the verdict"),
    Column("reason", "string", "for the verdict, in words"),
    Column("label", "string", "`rough`, `dots only`, or why there is no number"),
    Column("baseline_median", "float64", "over the blocks that count", "own"),
    Column("median", "float64", "the environment's own", "own"),
    Column("floor", "float64", "noise floor: ratio minus 1, or in the metric's unit where there is no ratio", ""),
    Column("half_width", "float64", "of the interval, upwards; as `floor`", ""),
    Column("detectable", "float64", "smallest cost found with a probability of 80 %; as `floor`", ""),
    Column("blocks_to_decide", "Int64", "at this mean and spread, of an inconclusive cell"),
    Column("unresolved", "bool", "the noise floor exceeds the smallest cost of interest"),
    Column("p", "float64", "by inverting the interval", "1"),
    Column("p_adjusted", "float64", "by Holm, or by Benjamini and Hochberg where exploratory", "1"),
    Column("hodges_lehmann", "float64", "a ratio that no single block can move", "1"),
    Column("suspects", "string", "shapes for which the interval is known to be wrong, joined by `; `"),
    Column("baseline_processors", "float64", "of the host, busy for the baseline during its trials", "1"),
    Column("processors", "float64", "the same for the environment", "1"),
    Column("baseline_cpu_s_per_operation", "float64", "processor time of the host for one operation", "s"),
    Column("cpu_s_per_operation", "float64", "the same for the environment", "s"),
    Column("group", "int16", "of the environment: the baseline's numbers are those of this group"),
)

COSTS = (
    *_FINDING,
    Column("of", "category", "the suite's entry that was varied to make the benchmark"),
    Column("varied", "string", "values of the keys that it varies, as JSON"),
)


def _against(column: Column) -> Column:
    """The column of a contrast, in which the arm before takes the place of the baseline."""
    name, about = column.name.replace("baseline_", "before_"), _AGAINST.get(column.name, column.about)
    return replace(column, name=name, about=about)


CONTRASTS = (
    Column("ladder", "category", "name, as the suite gives it"),
    Column("kind", "category", "`ladder step`, or `whole ladder`: its last arm after its first"),
    Column("environment", "category", "the arm"),
    Column("before", "category", "the arm that it is compared with"),
    *(_against(column) for column in _FINDING[1:]),
)

TABLES = {"samples": SAMPLES, "blocks": BLOCKS, "histograms": HISTOGRAMS, "costs": COSTS, "contrasts": CONTRASTS}
STORED = ("samples", "blocks", "histograms")
"""The tables that a complete run folder has as `<name>.parquet`; costs are computed, never stored."""


def stored_names(table: str, schema: int) -> list[str]:
    """Columns that the Parquet file of a run folder of this schema has."""
    return [column.name for column in TABLES[table] if column.since <= schema]


COMPUTED = {table: frozenset(column.name for column in TABLES[table] if column.computed) for table in STORED}
"""The columns of each stored table that are equal when nearly so."""
