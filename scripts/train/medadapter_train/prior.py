"""What a selector group's weights are pulled to.

Votes and labels: what they are worth on questions that the adapter was trained on. Its scores there
are worthless for that reason, the votes are not, and there are many. The scores' weight: what it is
over all tasks of the kind, each with its own votes and labels held fixed. So a task with few
held-out questions leans on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadapter_train.fit import Choice, fit_choice

Floats = NDArray[np.float64]
#: Where the weight of the vote share starts from; how strongly it and a label's weight are held.
VOTE_START, VOTE_PULL, LABEL_PULL = 4.0, 0.01, 1.0
#: How strongly the scores' weights are held at nought; logits spread four times as far as shares.
SCORE_PULL = 12.0
#: Votes and labels are known from many questions: they are pulled so many times as hard as scores.
FIRM = 10.0


@dataclass(frozen=True, slots=True)
class Prior:
    """`centre` [features]: votes and labels of this group; `others`: the kind's other tasks' rows.

    Features: the vote share, `scores` features of scores, labels.
    """

    centre: Floats
    scores: int
    others: tuple[Choice, ...] = ()

    def rows(self, choices: Sequence[Choice]) -> list[Choice]:
        """[what votes and labels say, features of scores] of questions of this group."""
        end = 1 + self.scores
        return [
            Choice(
                np.column_stack([c.features @ self.centre, c.features[:, 1:end]]),
                c.right,
                c.weight,
            )
            for c in choices
        ]

    def with_scores(self, choices: Sequence[Choice]) -> Floats:
        """The centre with the scores' weights over `choices` and the other tasks' questions."""
        pull = np.array([1e6, *[SCORE_PULL] * self.scores])
        start = np.array([1.0, *[0.0] * self.scores])
        found = fit_choice([*self.others, *self.rows(choices)], pull, start, slice(1, None))
        centre = self.centre.copy()
        centre[1 : 1 + self.scores] = found[1:]
        return centre

    def scale(self) -> Floats:
        """By which a pull is multiplied, feature by feature."""
        scale = np.full(len(self.centre), FIRM)
        scale[1 : 1 + self.scores] = 1.0
        return scale


def prior_of(votes: Sequence[Choice], scores: int) -> Prior:
    """From training questions, of which votes and labels are read."""
    size = votes[0].features.shape[1]
    kept = [0, *range(1 + scores, size)]
    labels = len(kept) - 1
    pull = np.array([VOTE_PULL, *[LABEL_PULL] * labels])
    start = np.array([VOTE_START, *[0.0] * labels])
    only = [Choice(c.features[:, kept], c.right, c.weight) for c in votes]
    centre = np.zeros(size)
    centre[kept] = fit_choice(only, pull, start)
    return Prior(centre, scores)
