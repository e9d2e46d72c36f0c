"""The style sheet: colours are tokens, readable in both themes; the sprite has what is asked for."""

import math
import re

import pytest

from tests.conftest import REPOSITORY
from viewer.ui.filters import SERVICE_HUES

STATIC = REPOSITORY / "static"
CSS = re.sub(r"/\*.*?\*/", "", (STATIC / "app.css").read_text(), flags=re.DOTALL)
_LAYER = re.compile(r"@layer (\w+) \{")
_TOKEN = re.compile(r"(--[\w-]+):\s*light-dark\((oklch\([^)]*\)),\s*(oklch\([^)]*\))\)")
_LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch|oklab|lab|lch|color)\(")
_NAMED = re.compile(r":[^;{]*\b(?:white|black|red|green|blue|gray|grey|orange|yellow|silver)\b")
TEXT = ("--ink-1", "--ink-2", "--ink-3", "--accent", "--ok", "--warn", "--error")
SURFACES = ("--surface-0", "--surface-1", "--surface-2")


def layers() -> dict[str, str]:
    starts = [(match.start(), match[1]) for match in _LAYER.finditer(CSS)]
    ends = [start for start, _ in starts[1:]] + [len(CSS)]
    return {name: CSS[start:end] for (start, name), end in zip(starts, ends, strict=True)}


def tokens(theme: int) -> dict[str, tuple[float, float, float]]:
    found = {}
    for name, *values in _TOKEN.findall(layers()["tokens"]):
        numbers = re.findall(r"[\d.]+", values[theme])
        found[name] = (float(numbers[0]) / 100, float(numbers[1]), float(numbers[2]))
    return found


def test_the_layers_are_those_of_the_house() -> None:
    assert list(layers()) == ["tokens", "base", "layout", "components", "states"]


@pytest.mark.parametrize("layer", ["base", "layout", "components", "states"])
def test_no_colour_is_written_below_the_tokens(layer: str) -> None:
    text = layers()[layer]
    literals = [match[0] for match in _LITERAL.finditer(re.sub(r"#[\w-]+(?=[^;{}]*\{)", "", text))]
    assert not literals
    assert not _NAMED.findall(text)


def test_every_token_that_is_used_exists() -> None:
    defined = set(re.findall(r"(--[\w-]+):", CSS))
    assert set(re.findall(r"var\((--[\w-]+)", CSS)) <= defined


def test_every_service_hue_has_a_token_and_a_class() -> None:
    for hue in range(SERVICE_HUES):
        assert f"--svc-{hue:02}: light-dark(" in CSS
        assert f".svc-{hue:02} {{ --hue-color: var(--svc-{hue:02}); }}" in CSS


@pytest.mark.parametrize("theme", [0, 1])
def test_service_hues_are_equally_light(theme: int) -> None:
    lightness = {value[0] for name, value in tokens(theme).items() if name.startswith("--svc-")}
    assert len(lightness) == 1


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("ink", TEXT)
@pytest.mark.parametrize("surface", SURFACES)
def test_text_can_be_read(theme: int, ink: str, surface: str) -> None:
    values = tokens(theme)
    assert contrast(values[ink], values[surface]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize(
    ("ink", "surface"),
    [
        ("--accent-ink", "--accent"),
        ("--warn", "--warn-soft"),
        ("--error", "--error-soft"),
        ("--ink-1", "--accent-soft"),
    ],
)
def test_text_on_colour_can_be_read(theme: int, ink: str, surface: str) -> None:
    values = tokens(theme)
    assert contrast(values[ink], values[surface]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1])
def test_bars_and_dots_stand_out(theme: int) -> None:
    """Graphics need 3:1 (WCAG 1.4.11)."""
    values = tokens(theme)
    marks = [name for name in values if name.startswith("--svc-")] + [
        "--heat",
        "--focus",
        "--error",
    ]
    for name in marks:
        assert contrast(values[name], values["--surface-1"]) >= 3, name


def test_the_sprite_has_every_icon_that_is_asked_for() -> None:
    known = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    asked: set[str] = set()
    for path in (REPOSITORY / "templates").rglob("*.html"):
        asked.update(re.findall(r'icon\("([^"]+)"\)', path.read_text()))
    assert asked
    assert asked <= known


def contrast(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """Return the WCAG contrast ratio of two OKLCH colours."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(oklch: tuple[float, float, float]) -> float:
    """Return the relative luminance; the matrices are those of CSS Color 4, clipped to sRGB."""
    lightness, chroma, hue = oklch
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(max(channel, 0.0), 1.0) for channel in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_contrast_is_computed_as_others_do() -> None:
    assert contrast((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)) == pytest.approx(21, abs=0.01)
    # #767676, the lightest grey that is readable on white, has 4.54:1.
    assert contrast((1.0, 0.0, 0.0), (0.5657, 0.0, 0.0)) == pytest.approx(4.54, abs=0.05)
