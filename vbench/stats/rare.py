"""Bounds how frequent an event may be that no block has shown, which no interval over these blocks can tell."""


def unseen(blocks: int, *, confidence: float = 0.95) -> float:
    """The largest share of blocks with an event of which `blocks` blocks without it leave a doubt: 1 - 0.05^(1/n).

    At a higher share, n blocks show the event at least once in more than 95 of 100 runs. Nearly 3/n, hence "rule of
    three": J. A. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983)
    1743-1745. Raises ValueError below one block.
    """
    if blocks < 1:
        raise ValueError(f"a bound on unseen events needs at least one block, got {blocks}")
    return 1.0 - float((1 - confidence) ** (1 / blocks))
