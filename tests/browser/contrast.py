"""How well words can be read: their contrast with what is behind them, in the colours that are really on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

# Relative luminance and contrast as WCAG 2.2 defines them. What is behind a word: the backgrounds of all elements that
# it stands in, one over the other; opacity mixes the word with that.
_CONTRASTS = r"""
(root) => {
    const numbers = (color) => (color.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const over = ([r, g, b, alpha = 1], back) => [r, g, b].map((x, i) => alpha * x + (1 - alpha) * back[i]);
    const light = (rgb) => rgb.map((x) => x / 255).map(
        (x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4
    ).reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (text) => {
        const outer = [];
        for (let el = text.parentElement; el; el = el.parentElement) outer.unshift(getComputedStyle(el));
        const back = outer.reduce((behind, style) => over(numbers(style.backgroundColor), behind), [255, 255, 255]);
        const opacity = outer.reduce((product, style) => product * Number(style.opacity), 1);
        const isDrawn = text.parentElement instanceof SVGElement;
        const [r, g, b, alpha = 1] = numbers(isDrawn ? outer.at(-1).fill : outer.at(-1).color);
        const seen = over([r, g, b, alpha * opacity], back);
        const [dark, bright] = [light(seen), light(back)].sort((one, other) => one - other);
        return (bright + 0.05) / (dark + 0.05);
    };
    const found = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode, element = text.parentElement;
        if (!text.data.trim() || ['STYLE', 'SCRIPT'].includes(element.tagName)) continue;
        if (element.getBoundingClientRect().width > 3 && element.checkVisibility({opacityProperty: true})) {
            found.push([text.data.trim(), contrast(text)]);
        }
    }
    return found;
}
"""

ENOUGH = 4.5
"""What WCAG 2.2 asks for (1.4.3)."""


def wait_for_words(root: Locator, number: int) -> None:
    """Wait until more than this many pieces of text are seen: while a theme is being changed there may be none."""
    is_there = f"([root, number]) => ({_CONTRASTS.strip()})(root).length > number"
    root.page.wait_for_function(is_there, arg=[root.element_handle(), number])


def contrasts(root: Locator) -> list[tuple[str, float]]:
    """Every piece of text that is seen, in HTML and in drawings, with its contrast, 1 to 21."""
    return [(text, contrast) for text, contrast in root.evaluate(_CONTRASTS)]


def faint_words(root: Locator) -> dict[str, float]:
    """What cannot be read well enough."""
    return {text: round(contrast, 2) for text, contrast in contrasts(root) if contrast < ENOUGH}
