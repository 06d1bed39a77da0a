"""What a run's later stages would refuse of its file is refused before the first one is paid for.
What they would refuse of what they read: `input_checks.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medadapter_train.config import parse_config
from medadapter_train.errors import TrainError
from medadapter_train.service_errors import ConfigError

if TYPE_CHECKING:
    from medadapter_train.run_config import RunConfig


def check_run(config: RunConfig) -> None:
    """Raises `ConfigError` bad_config naming the field."""
    from medadapter_train.calibrate import METHODS
    from medadapter_train.held_out import SPLITS
    from medadapter_train.provenance import parse_provenance, parse_request

    for index, table in enumerate(config.generate):
        if table.k < 1:
            raise ConfigError("bad_config", f"generate[{index}].k: 1 or more")
    if config.label.min_kappa is not None and not config.label.human:
        raise ConfigError("bad_config", "label.min_kappa: needs people's labels, label.human")
    # What a run makes itself, or is given by option, needs no mention.
    sets = config.train.get("sets") or [{"file": "made"}]
    try:
        parse_config({**config.train, "sets": sets})
        parse_request(config.bundle)
        parse_provenance(config.provenance)
    except TrainError as error:
        raise ConfigError("bad_config", str(error)) from None
    fits = {"calibrate": config.calibrate.split, "evaluate": config.evaluate.split}
    for name, split in fits.items():
        if split not in SPLITS:
            raise ConfigError("bad_config", f"{name}.split: one of {', '.join(SPLITS)}")
    crossed = {str(s.get("file")) for s in sets if isinstance(s, dict) and s.get("cross_fit")}
    if config.calibrate.sets and crossed - {*config.calibrate.sets}:
        raise ConfigError("bad_config", "calibrate.sets: lacks a set of cross_fit")
    if config.calibrate.method not in METHODS:
        raise ConfigError("bad_config", f"calibrate.method: one of {', '.join(METHODS)}")
