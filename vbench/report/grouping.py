"""Says which environments were alive together, where a run had them in groups."""

from vbench.report.view import View
from vbench.text import counted, listed


def sentences(view: View) -> tuple[str, ...]:
    """Nothing where all were one group."""
    groups, base, control = view.run.manifest.plan.groups, view.baseline, view.run.manifest.control
    if not groups:
        return ()
    named = "; ".join(f"group {number}: {', '.join(group)}" for number, group in enumerate(groups))
    beside = listed([f"group {number}" for number, group in enumerate(groups) if control in group])
    return (
        f"The environments were alive in {counted(len(groups), 'group')}, one after another in each block: {named}. "
        f"Each is compared with {base} of its own group, and with an environment of another group through {base} of "
        f"both. {control} stands beside {base} of {beside}: its noise floor is taken for all.",
    )
