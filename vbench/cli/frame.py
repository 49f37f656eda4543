"""Lays out the live view of a run as lines that fit the terminal: a pure function of the run's progress."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.text import Text

from vbench.model import Block, Cost, Plan
from vbench.report import verdicts
from vbench.runner import Count
from vbench.text import amount, counted, plain
from vbench.units import DASH, show_duration

BAR = 40  # columns
GAP = 2  # between the columns of the table
LEAST_ROWS = 2  # of the table: with fewer it is left out
Cells = Mapping[tuple[str, str], Cost]  # benchmark and environment


@dataclass
class Course:
    """The progress of a run. Times are of the monotonic clock."""

    plan: Plan
    begun: float
    is_adaptive: bool = False  # its number of blocks is the most there can be
    is_enough: bool = False  # the last look at the widths ended it
    block: Block | None = None
    block_begun: float = 0.0
    environment: str = ""
    doing: str = ""
    durations: dict[int, float] = field(default_factory=dict)  # of the blocks that are done
    count: Count = field(default_factory=Count)
    voided: int = 0
    is_void: bool = False  # the last attempt at `block`
    behind: int = 0  # analysed blocks that a resumed run had when it was resumed
    cells: Cells = field(default_factory=dict)
    benchmarks: tuple[str, ...] = ()  # rows of the table
    ended: float | None = None
    is_barren: bool = False  # it ended, and no block can be analysed

    @property
    def blocks(self) -> int:
        """Number of planned blocks, the calibration not counted."""
        return len(self.plan.blocks) - 1

    @property
    def done(self) -> int:
        """Number of blocks that are done, those before a resumption included."""
        if self.block is None:
            return self.behind
        is_over = self.ended is not None and not self.is_void
        return self.block.index if is_over else max(0, self.block.index - 1)

    def left_s(self, now: float) -> float:
        """Expected rest of the run in s: from the median of the measured blocks, or else from the plan."""
        usual_s = self._usual_s()
        ahead = self.blocks - self.done + (1 if self.block is None or self.block.index == 0 else 0)
        spent_s = now - self.block_begun if self.block else 0.0
        left_s = ahead * usual_s - min(spent_s, usual_s)
        if self.is_adaptive:  # it ends with its budget
            left_s = min(left_s, self.plan.budget_s - (now - self.begun))
        return max(0.0, left_s)

    def _usual_s(self) -> float:
        """Usual duration of a block in s. The calibration takes longer, and counts only until a block is measured."""
        durations = [of for index, of in self.durations.items() if index] or list(self.durations.values())
        return median(durations) if durations else self.plan.expected_s / len(self.plan.blocks)


def frame(course: Course, *, width: int, height: int | None, now: float, ends_at: str | None = None) -> list[Text]:
    """The picture: at most `height` lines of at most `width` columns. With None as height the table is whole."""
    head = [_title(course), _bar(course, width), _times(course, now, ends_at), _counts(course)]
    room = None if height is None else height - len(head) - 1
    if course.cells and (room is None or room > LEAST_ROWS):
        head += [Text(), *_table(course, width, room)]
    for line in head:
        line.truncate(width, overflow="ellipsis")
    return head if height is None else head[: max(1, height)]


def clock_time(left_s: float) -> str:
    """The local time at which the run will end, as `17:26`."""
    return time.strftime("%H:%M", time.localtime(time.time() + left_s))


def _title(course: Course) -> Text:
    title = Text(plain(course.plan.suite), "bold")
    if course.ended is not None and course.is_barren:
        return title.append(" · no block can be analysed", "not bold")
    if course.ended is not None:
        early = course.done < course.blocks and not course.is_enough
        return title.append(" · ended early" if early else " · done", "not bold")
    if course.block is None:
        return title.append(" · starting", "not bold")
    where = "calibration" if course.block.index == 0 else f"block {course.block.index} of {_total(course)}"
    words = [where, *(plain(word) for word in (course.environment, course.doing) if word)]
    return title.append(f" · {' · '.join(words)}", "not bold")


def _total(course: Course) -> str:
    return f"at most {course.blocks}" if course.is_adaptive else str(course.blocks)


def _bar(course: Course, width: int) -> Text:
    share = course.done / course.blocks if course.blocks else 0.0
    columns = max(1, min(BAR, width - 7))
    full = round(share * columns)
    return Text.assemble(("━" * full, "cyan"), ("─" * (columns - full), "dim"), f" {share:4.0%}")


def _times(course: Course, now: float, ends_at: str | None) -> Text:
    done = f"{course.done} of {_total(course)} blocks"
    if course.ended is not None:
        these = f", {course.done - course.behind} of them" if course.behind else ""
        return Text(f"{done}{these} in {show_duration(course.ended - course.begun)}")
    left = f"about {show_duration(course.left_s(now))} left"
    until = f", until {ends_at}" if ends_at else ""
    return Text(f"{done} · {left}{until} · {show_duration(now - course.begun)} so far")


def _counts(course: Course) -> Text:
    """The numbers of trials by outcome, and of voided blocks."""
    count = course.count
    line = Text(f"{count.measured} measured")
    if count.failed:
        line.append(f" · {count.failed} failed", "red")
    if count.skipped:
        line.append(f" · {count.skipped} skipped")
    if course.voided:
        line.append(f" · {counted(course.voided, 'block')} voided", "yellow")
    return line


# --- the table ----------------------------------------------------------------------------------------------------


def _table(course: Course, width: int, room: int | None) -> list[Text]:
    """A row for each benchmark, and a column for each arm that fits. The arms that do not fit are counted."""
    rows, note = _page(course.benchmarks, course.done, room)
    first = max(len("rough cost"), *(len(plain(name)) for name in course.benchmarks))
    arms, hidden = _fitting(course, width - first)
    head = Text(f"{'rough cost':<{first}}", "dim")
    for arm, columns in arms.items():
        head.append(f"{'':<{GAP}}{plain(arm):<{columns}}", "bold")
    lines = [head, *(_row(course, name, first, arms) for name in rows)]
    notes = [note] if note else []
    notes += [f"{counted(hidden, 'environment')} more: the terminal is too narrow"] if hidden else []
    if notes:
        lines.append(Text(" · ".join(notes), "dim"))
    return lines


def _page(names: Sequence[str], done: int, room: int | None) -> tuple[Sequence[str], str]:
    """The rows that fit; each block turns to the next ones, so that all are seen."""
    if room is None or len(names) <= room - 1:
        return names, ""
    size = max(1, room - 2)
    pages = -(-len(names) // size)
    first = done % pages * size
    last = min(len(names), first + size)
    return names[first:last], f"rows {first + 1} to {last} of {len(names)}, the next ones after this block"


def _fitting(course: Course, columns: int) -> tuple[dict[str, int], int]:
    """Arms with the width of their columns, the control last and first to go; and how many do not fit."""
    plan = course.plan
    arms = [arm for arm in plan.environments if arm not in (plan.baseline, plan.control)]
    arms += [plan.control] if plan.control in plan.environments else []
    widths: dict[str, int] = {}
    for arm in arms:
        widest = max(
            len(plain(arm)), *(len(_cell(course.cells.get((benchmark, arm)))) for benchmark in course.benchmarks)
        )
        if columns >= widest + GAP:
            widths[arm] = widest
            columns -= widest + GAP
        else:
            columns = 0
    return widths, len(arms) - len(widths)


def _row(course: Course, benchmark: str, first: int, arms: Mapping[str, int]) -> Text:
    row = Text(f"{plain(benchmark):<{first}}")
    for arm, columns in arms.items():
        cost = course.cells.get((benchmark, arm))
        style = "" if cost is not None and cost.half_width is not None else "dim"
        row.append(f"{'':<{GAP}}{_cell(cost):<{columns}}", style)
    return row


def _cell(cost: Cost | None) -> str:
    """`1.31× ±2.1 %`, which holds both ends of the interval; without an interval the number alone."""
    if cost is None or (cost.cost is None and cost.difference is None):
        return DASH
    inside, middle = verdicts.bounds(cost), cost.cost if cost.difference is None else cost.difference.mean
    return amount(cost) if inside is None or not middle else f"{amount(cost)} ±{inside.reach(middle)}"
