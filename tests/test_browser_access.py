"""The page in a real browser for everyone: light and dark, contrast, a phone, the keyboard."""

import re
from typing import Any

import numpy as np

from browsing import PLOT, SWEEP, Opened, needs_chromium, opened

CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
  };
  const weak = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest("svg, script, .sr, .swatch, .skip") || !element.checkVisibility()) continue;
    const [low, high] = [light(parts(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) weak.push(`${element.tagName} ${element.className} ${element.textContent}`);
  }
  return weak;
}"""

INK = "plot._fullLayout.font.color }"
"""The colour that a figure was drawn with last."""

__all__ = ["opened"]
pytestmark = needs_chromium


def test_light_and_dark_by_the_system_and_by_the_switch_with_enough_contrast(opened: Opened) -> None:
    opened.go()
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    ground = "getComputedStyle(document.body).backgroundColor"
    drawn = PLOT + INK
    opened.figure(f"{SWEEP}-loss")
    found: dict[str, tuple[str, str]] = {}
    for theme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=theme)
        ink = opened.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
        opened.until(lambda ink=ink: opened.page.evaluate(drawn, [f"{SWEEP}-loss"]) == ink)
        found[theme] = (opened.page.evaluate(ground), ink)
        assert opened.page.evaluate(CONTRAST) == [], theme
    assert found["light"][0] == "rgb(255, 255, 255)"
    assert len(set(found.values())) == 2
    assert max(int(part) for part in re.findall(r"\d+", found["dark"][0])) < 40
    switch = opened.page.locator("button.theme")
    assert switch.inner_text() == "light"
    switch.click()
    assert opened.page.evaluate(ground) == found["light"][0]
    opened.figure(f"{SWEEP}-loss")
    opened.until(lambda: opened.page.evaluate(drawn, [f"{SWEEP}-loss"]) == found["light"][1])
    opened.page.evaluate("localStorage.clear()")
    opened.page.emulate_media(color_scheme="light")


def test_lines_stand_out_from_both_grounds(opened: Opened) -> None:
    opened.go()
    opened.figure(f"{SWEEP}-loss")
    lines = PLOT + "plot.data.map((one) => one.line.color) }"
    for theme, card in (("light", (247, 248, 250)), ("dark", (24, 28, 34))):
        opened.page.emulate_media(color_scheme=theme)
        ink = opened.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
        opened.until(lambda ink=ink: opened.page.evaluate(PLOT + INK, [f"{SWEEP}-loss"]) == ink)
        for colour in opened.page.evaluate(lines, [f"{SWEEP}-loss"]):
            parts = [int(part) for part in re.findall(r"\d+", colour)]
            low, high = sorted((luminance(parts), luminance(card)))
            assert (high + 0.05) / (low + 0.05) >= 3
    opened.page.emulate_media(color_scheme="light")


def luminance(parts: Any) -> float:
    """The relative luminance of the Web Content Accessibility Guidelines."""
    share = np.asarray(parts, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_a_phone_shows_it_without_sideways_scroll(opened: Opened) -> None:
    opened.page.set_viewport_size({"width": 390, "height": 844})
    opened.go()
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    opened.figure(f"{SWEEP}-loss")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    box = opened.page.locator(f"{SWEEP}-loss .plot").bounding_box()
    assert box is not None
    assert 300 < box["width"] <= 390
    opened.page.set_viewport_size({"width": 1200, "height": 900})


def test_the_keyboard_reaches_everything_and_is_never_held(opened: Opened) -> None:
    opened.go()
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    assert opened.page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.id") == "content"
    assert opened.page.url == opened.file.as_uri()
    seen: list[str] = []
    script = """() => {
      const one = document.activeElement;
      window.seen ??= new Map();
      if (!window.seen.has(one)) window.seen.set(one, window.seen.size);
      return `${window.seen.get(one)} ${getComputedStyle(one).outlineStyle} ${one.tagName} ${one.className}`;
    }"""
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        seen.append(opened.page.evaluate(script))
    assert len(set(seen)) == 60
    assert all(" none " not in one for one in seen), [one for one in seen if " none " in one]
    assert any("INPUT" in one for one in seen)
    named = opened.page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter((one) => one.checkVisibility() &&"
        " !one.textContent.trim() && !one.getAttribute('aria-label') && !one.labels?.length).length"
    )
    assert named == 0
