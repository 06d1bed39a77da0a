"""What the votes and the labels are worth before any score is seen.

Fitted on questions whose candidates the adapter was trained on: their scores are worthless for that
reason, their votes are not. It is where a selector group's weights are pulled to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medadapter_train.fit import Choice, fit_choice

Floats = NDArray[np.float64]
#: Where the weight of the vote share starts from, and how strongly a label's is held at nought.
VOTE_START, VOTE_PULL, LABEL_PULL = 4.0, 0.01, 1.0


def vote_centre(choices: Sequence[Choice], ranking: int) -> Floats:
    """Weights [ranking features + labels] in which only the first (the vote share) and the labels
    count. `choices` have those features, `ranking` of them before the labels."""
    size = choices[0].features.shape[1]
    kept = [0, *range(ranking, size)]
    pull = np.array([VOTE_PULL, *[LABEL_PULL] * (size - ranking)])
    start = np.array([VOTE_START, *[0.0] * (size - ranking)])
    only = [Choice(c.features[:, kept], c.right, c.weight) for c in choices]
    centre = np.zeros(size)
    centre[kept] = fit_choice(only, pull, start)
    return centre
