"""A critical size predicted from networks of one circuit each, written down before any network is ungrokked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from groklab.store.place import Place
from groklab.studies.varma._efficiency import STRENGTHS, Network, crossing

FILE = "prediction.json"
"""In the store's folder."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Where networks of one modulus are predicted to ungrok."""

    modulus: int
    strength: str
    """What the two circuits were compared at: `correct logit` or `margin`."""
    size: float
    """The critical size; 0 for below and infinite for above all sizes that memorisers were trained at."""
    low: float
    """Lower end of its 95% interval."""
    high: float
    """Upper end."""
    sentence: str
    """The same in words."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """All forecasts, with what they rest on."""

    forecasts: tuple[Forecast, ...]
    networks: int
    """Networks of one circuit that it rests on."""
    rests_on: str
    """Digest of those networks' settings and measured values."""
    made: str = ""
    """When it was written, UTC; nothing when it was not."""

    def same(self, other: "Prediction") -> bool:
        """Whether two predictions rest on the same networks."""
        return self.rests_on == other.rests_on


def predict(networks: Sequence[Network]) -> Prediction:
    """The critical sizes by modulus, on logits and on margins. It is given networks of one circuit and nothing else."""
    forecasts: list[Forecast] = []
    for modulus in sorted({one.run.table.modulus for one in networks}):
        mine = [one for one in networks if one.run.table.modulus == modulus]
        for strength in STRENGTHS:
            found = crossing(mine, strength)
            if found is not None:
                size = found.size
                forecasts.append(
                    Forecast(
                        modulus=modulus,
                        strength=strength,
                        size=size.value,
                        low=size.low,
                        high=size.high,
                        sentence=found.sentence,
                    )
                )
    given = sorted(f"{one.run.digest} {one.gen} {one.norm!r} {one.logit!r} {one.margin!r}" for one in networks)
    return Prediction(
        forecasts=tuple(forecasts), networks=len(networks), rests_on=sha256("\n".join(given).encode()).hexdigest()[:16]
    )


def written(prediction: Prediction, place: Path | Place) -> Prediction:
    """Writes a prediction into a store's folder with the time, once: what stands there already is given back.

    A prediction whose networks have changed since is written beside it under its digest, so that none is lost. Beside
    a kept result NAME.zip the store's file is looked for as NAME.prediction.json. Where there is none, and nothing can
    be written, the prediction comes back without a time; so it does of a store in object storage.
    """
    folder = Place.of(place).local
    if folder is None:
        return prediction
    if folder.is_file():
        kept = folder.with_suffix(f".{FILE}")
        standing = _read(kept) if kept.is_file() else prediction
        return standing if standing.same(prediction) else prediction
    for path in (folder / FILE, folder / f"prediction-{prediction.rests_on}.json"):
        if path.is_file():
            standing = _read(path)
            if standing.same(prediction):
                return standing
            continue
        made = Prediction(
            forecasts=prediction.forecasts,
            networks=prediction.networks,
            rests_on=prediction.rests_on,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            with path.open("x") as file:
                json.dump(asdict(made), file, indent=1)
        except OSError:
            return prediction
        return made
    return prediction


def _read(path: Path) -> Prediction:
    plain: Mapping[str, Any] = json.loads(path.read_text())
    return Prediction(
        forecasts=tuple(Forecast(**one) for one in plain["forecasts"]),
        networks=plain["networks"],
        rests_on=plain["rests_on"],
        made=plain["made"],
    )
