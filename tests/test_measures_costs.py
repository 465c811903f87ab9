"""The table of measures and their costs, and the page it stands in."""

from pathlib import Path

import pytest

from groklab.measures import built_in, costs, on_request
from groklab.models import TransformerSettings

PAGE = Path(__file__).parents[1] / "docs/measures.md"


def test_the_table_has_a_row_a_measure_and_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("matrix_norm", "attention_norm", "restricted_loss_train")
    few = tuple(one for one in built_in() if one.name in names)
    monkeypatch.setattr(costs, "built_in", lambda: few)
    monkeypatch.setattr(costs, "on_request", lambda: ())
    monkeypatch.setattr(costs, "SETTINGS", {"tiny": ("add:5", TransformerSettings(d_model=4, d_mlp=4), 0.5)})
    logged, afterwards = costs.table(repeats=2).split("### Afterwards")
    for name, part in (("matrix_norm", logged), ("attention_norm", logged), ("restricted_loss_train", afterwards)):
        (line,) = [line for line in part.splitlines() if line.startswith(f"| `{name}`")]
        (measure,) = [one for one in few if one.name == name]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[1:4] == [measure.description, measure.units, ", ".join(measure.dims)]
        assert float(cells[5]) > 0
    assert logged.count("all together") == afterwards.count("all together") == 1


def test_what_is_made_replaces_what_stood_between_the_marks() -> None:
    page = f"Above.\n{costs.BEGIN}\nold\n{costs.END}\nBelow.\n"
    once = costs.placed(page, "new\n")
    assert once == f"Above.\n{costs.BEGIN}\nnew\n{costs.END}\nBelow.\n"
    assert costs.placed(once, "new\n") == once


def test_the_page_has_every_measure_as_it_is() -> None:
    made = PAGE.read_text().partition(costs.BEGIN)[2].partition(costs.END)[0]
    for measure in (*built_in(), *on_request()):
        assert f"| `{measure.name}` | {measure.description} |" in made, (
            f"run python -m groklab.measures.costs {PAGE.name}"
        )
