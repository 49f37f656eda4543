"""The standing list of mutants. `make mutants` applies them one at a time to a copy of the tree.

Their texts are short, so that they outlive other changes; a unit test says when one no longer stands in its file.
"""

from tests.proof.mutants_of_runs import RUNS
from tests.proof.mutants_of_statistics import STATISTICS

MUTANTS = (*STATISTICS, *RUNS)
