"""The tutorials: every line of code on them runs, prints what they say, and shows what they tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groklab.engines import preparing
from groklab.measures import built_in
from tutorials import printed_by, steps_of, without_digits

PAGES = sorted((Path(__file__).parent.parent / "docs" / "tutorials").glob("[0-9]*.md"))


def first(names: dict[str, Any]) -> None:
    rows = names["record"].table()
    late = [row["grokked"] for row in rows if row["grokked"] is not None]
    assert all(row["memorised"] < 150 for row in rows)
    assert len(late) >= 2
    assert min(late) > 400
    assert float(names["curves"]["test_loss"].sel(step=100)) > 2 * np.log(31)


def apart(names: dict[str, Any]) -> None:
    assert names["few"] <= 6
    assert names["explained"] > 0.85
    accuracy, table, cosines = names["accuracy"], names["table"], names["cosines"]
    assert accuracy(cosines) > 0.99
    assert accuracy(table - cosines) < 0.2


def measure(names: dict[str, Any]) -> None:
    both = names["both"]
    assert float(both["commutes"].sel(step=0)) > 0.9
    assert float(both["commutes"].sel(step=100)) < 0.75
    assert float(both["commutes"].sel(step=500)) > float(both["test_accuracy"].sel(step=500)) + 0.1
    entropy = names["own"].metrics()["attention_entropy"]
    assert entropy.attrs["units"] == "nats"
    assert 0 < float(entropy.min()) <= float(entropy.max()) <= np.log(3) + 1e-5


def study(names: dict[str, Any]) -> None:
    assert names["finding"].seeds == 3
    assert len(names["record"].runs) == 6


def read(names: dict[str, Any]) -> None:
    assert list(names["rows"]["seed"]) == [0, 2, 3]
    assert Path("first.csv").is_file()
    assert Path("network.safetensors").is_file()
    assert (names["ratio"].sel(step=500) < 1).all()


def ungrok(names: dict[str, Any]) -> None:
    accuracy = {row["train_size"]: row["test_accuracy"] for row in names["record"].table()[1:]}
    assert all(row["train_accuracy"] == 1 for row in names["record"].table()[1:])
    assert accuracy[40] < 0.2
    assert accuracy[240] > 0.99
    assert float(names["metrics"]["trig_share"].isel(run=1).sel(step=0)) > 0.9


SHOWN: dict[str, Callable[[dict[str, Any]], None]] = {
    "1-first-network": first,
    "2-take-it-apart": apart,
    "3-your-own-measure": measure,
    "4-your-own-study": study,
    "5-read-a-store": read,
    "6-ungrok": ungrok,
}
"""What the words of each tutorial say of its networks, by the names that its code defines."""
READ = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "sum_of_squares", "trig_share")
"""All that is read of the networks that are trained on a page after the first; there everything is measured."""


def test_the_tutorials_run_in_order_and_print_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one: each goes on in the folder of those before it."""
    monkeypatch.chdir(tmp_path)
    few = tuple(one for one in built_in() if one.name in READ)
    assert [page.stem for page in PAGES] == list(SHOWN)
    for page in PAGES:
        names: dict[str, Any] = {"__name__": "tutorial"}
        for step in steps_of(page):
            printed = printed_by(step, page, names)
            if step.said is not None:
                assert without_digits(printed) == without_digits(step.said), f"{page.name}:{step.line}"
        SHOWN[page.stem](names)
        # To compile all of them for networks of every shape again would show nothing more.
        monkeypatch.setattr(preparing, "built_in", lambda: few)


def test_what_is_said_to_be_printed_is_compared_but_for_its_digits(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n```python\nx = 2\nprint(f'{x:.1f}  of', [x, 3])\n```\n\n```text\n7 of [1, 2, 9]\n```\n\n"
        "```python\nx\n```\n\n```console\n$ groklab --version\n```\n"
    )
    one, two, three = steps_of(page)
    assert (one.line, one.said, two.said, three.language) == (4, "7 of [1, 2, 9]\n", None, "console")
    names: dict[str, Any] = {}
    assert printed_by(one, page, names) == "2.0  of [2, 3]\n"
    assert without_digits("2.0  of [2, 3]\n") == without_digits(one.said or "")
    assert without_digits("2.0 in [2, 3]") != without_digits(one.said or "")
    assert without_digits("k11") != without_digits("k12")
    assert names["x"] == 2
    with pytest.raises(ZeroDivisionError) as raised:
        printed_by(type(one)(language="python", code="\n1 / 0\n", line=40, said=None), page, names)
    assert raised.traceback[-1].lineno == 40


def test_a_page_without_its_command_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ rm -r runs\n```\n")
    with pytest.raises(AssertionError, match="only groklab's commands"):
        printed_by(steps_of(page)[0], page, {})
