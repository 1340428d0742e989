"""A picture as SVG, for light and dark pages, with what each shape is under the pointer."""

from __future__ import annotations

from collections.abc import Iterator

from simclock.experiments.exports.space_time import Band, Line, Mark, Picture, Shape, Text
from simclock.readable import escaped

COLOURS = {
    "lane": ("#8a8f98", "#6b717c"),
    "message": ("#0072b2", "#56b4e9"),
    "lost": ("#d55e00", "#e69f00"),
    "observed": ("#00664a", "#35c99a"),
    "fault": ("#a3003f", "#ff7aa8"),
    "timer": ("#767676", "#9a9a9a"),
    "band": ("#a3003f", "#ff7aa8"),
    "cut": ("#e69f00", "#e69f00"),
    "text": ("#1b1f24", "#e6e8eb"),
    "faint": ("#767676", "#9a9a9a"),
}
"""Colour -> on light, on dark: Okabe and Ito's, which are told apart by the colour-blind."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
PAPER = ("#ffffff", "#16191d")


def svg(picture: Picture) -> Iterator[str]:
    """The whole document, a shape a line."""
    width, height = picture.width, round(picture.height, 1)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif" role="img">'
    )
    yield f"<title>{_text(picture.title)}</title>"
    yield "<style>"
    yield from _rules(0)
    yield "@media (prefers-color-scheme: dark) {"
    yield from _rules(1)
    yield "}"
    yield "</style>"
    yield (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="f-message" d="M0 1 8 4 0 7z"/></marker></defs>'
    )
    yield f'<rect class="paper" width="{width:g}" height="{height:g}"/>'
    yield from map(_shape, picture.shapes)
    yield "</svg>"


def _rules(scheme: int) -> Iterator[str]:
    yield f".paper {{ fill: {PAPER[scheme]} }}"
    for name, colours in COLOURS.items():
        yield f".s-{name} {{ stroke: {colours[scheme]} }} .f-{name} {{ fill: {colours[scheme]} }}"


def _shape(shape: Shape) -> str:
    match shape:
        case Line():
            thin = shape.colour == "faint"
            marker = ' marker-end="url(#head)"' if shape.head else ""
            dashes = ' stroke-dasharray="4 3"' if shape.colour == "lost" else ' opacity="0.35"' if thin else ""
            ends = f'x1="{shape.x:g}" y1="{shape.y:g}" x2="{shape.to_x:g}" y2="{shape.to_y:g}"'
            return _titled("line", f'class="s-{shape.colour}" {ends}{marker}{dashes}', shape.title)
        case Mark(form="disc"):
            return _titled("circle", f'class="f-{shape.colour}" cx="{shape.x:g}" cy="{shape.y:g}" r="3"', shape.title)
        case Mark(form="tick"):
            ends = f'd="M{shape.x:g} {shape.y - 5:g}v10"'
            return _titled("path", f'class="s-{shape.colour}" opacity="0.5" {ends}', shape.title)
        case Mark():
            ends = f'd="M{shape.x - 4:g} {shape.y - 4:g}l8 8m0 -8l-8 8"'
            return _titled("path", f'class="s-{shape.colour}" stroke-width="1.6" {ends}', shape.title)
        case Text():
            size = 10 if shape.small else 12
            place = f'x="{shape.x:g}" y="{shape.y:g}" text-anchor="{shape.anchor}" font-size="{size}"'
            return f'<text class="f-{shape.colour}" {place}>{_text(shape.text)}</text>'
        case Band():
            place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}"'
            return _titled("rect", f'class="f-{shape.colour}" opacity="0.18" {place}', shape.title)


def _titled(tag: str, attributes: str, title: str) -> str:
    return f"<{tag} {attributes}><title>{_text(title)}</title></{tag}>" if title else f"<{tag} {attributes}/>"


def _text(text: str) -> str:
    """Without what XML has no letter for."""
    return "".join(_ENTITIES.get(each, each) if _is_xml(each) else "\ufffd" for each in escaped(text))


def _is_xml(letter: str) -> bool:
    code = ord(letter)
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
