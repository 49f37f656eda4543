"""Each exit code means one thing, and every failure that a user can meet has one."""

from vbench import errors
from vbench.errors import EnvironmentUnavailable, Interrupted, UsageError, VbenchError, nearest


def kinds_of_failure() -> list[type[VbenchError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VbenchError)]
    assert len(found) > 10
    return found


def test_exit_codes_are_those_of_the_help_and_each_has_one_meaning() -> None:
    for kind in kinds_of_failure():
        match kind.exit_code:
            case 2:
                assert issubclass(kind, UsageError)
            case 4:
                assert issubclass(kind, EnvironmentUnavailable)
            case 130:
                assert kind is Interrupted
            case code:
                assert code == 3


def test_a_failure_carries_message_and_hint_apart() -> None:
    for kind in kinds_of_failure():
        error = kind("what and where", hint="what to do")
        assert (str(error), error.message, error.hint) == ("what and where", "what and where", "what to do")
        assert kind("only this").hint == ""


def test_the_nearest_name_is_offered_or_all_of_them() -> None:
    assert nearest("smokee", ["smoke", "quick"]) == "perhaps you meant 'smoke'"
    assert nearest("zzz", ["smoke", "quick"]) == "known: smoke, quick"
