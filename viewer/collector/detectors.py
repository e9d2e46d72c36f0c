"""What secrets look like: tokens, card numbers, e-mail addresses, authorization headers.

Texts come from strangers, so each search takes time in proportion to the text: a pattern either
consumes all that it has looked at, or looks at a bounded number of characters.
A detector's `prefilter` is an RE2 pattern that is found wherever the detector would find something,
also in text that is escaped as JSON, once or twice: so it has no boundaries and matches more.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

Place = tuple[int, int]


class Detector(NamedTuple):
    """One kind of secret."""

    find: Callable[[str], Iterator[Place]]
    """Yield begin and end of each secret in a text."""
    whole: Callable[[str, str], bool]
    """Say whether an attribute of this key and text is secret as a whole."""
    prefilter: str


# Tokens that say by their first letters what they are. Each pattern begins with a fixed text, which
# is looked for first, and goes on as far as such tokens' characters do.
_WORD, _FEW = "[A-Za-z0-9_-]", "[A-Za-z0-9]"
_TOKENS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("eyJ",), r"[A-Za-z0-9_.-]{16,}"),  # JWT, JWE: base64 of '{"', looked at below
    (("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),  # AWS access keys
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _FEW + "{20,}"),  # GitHub
    (("github_pat_",), "[A-Za-z0-9_]{20,}"),
    (("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-"), "[A-Za-z0-9_.-]{16,}"),  # GitLab
    (
        ("xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
        "[A-Za-z0-9.-]{10,}",
    ),
    (("sk_live_", "sk_test_", "rk_live_", "rk_test_"), _FEW + "{10,}"),  # Stripe
    (("whsec_",), "[A-Za-z0-9+/=]{20,}"),
    (("AIza",), _WORD + "{30,}"),  # Google
    (("ya29.",), _WORD + "{20,}"),
    (("sk-",), _WORD + "{20,}"),  # OpenAI, Anthropic
    (("npm_", "hf_"), _FEW + "{30,}"),
    (("pypi-",), _WORD + "{30,}"),
    (("dop_v1_",), "[a-f0-9]{40,}"),  # DigitalOcean
    (("shpat_", "shpca_", "shppa_", "shpss_"), "[A-Fa-f0-9]{32,}"),  # Shopify
    (("SG.",), "[A-Za-z0-9_.-]{40,}"),  # SendGrid
    (("hvs.",), _WORD + "{20,}"),  # Vault
    (
        ("-----BEGIN ",),
        r"[A-Z ]{0,30}PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END[A-Z ]{0,40}-----)?",
    ),
)
_TOKEN_PATTERNS = tuple(
    (prefix, re.compile(rf"{re.escape(prefix)}(?<![A-Za-z0-9]{re.escape(prefix)}){rest}"))
    for prefixes, rest in _TOKENS
    for prefix in prefixes
)
_SCHEME = re.compile(
    r"(?:bearer(?:[ \t]|%20){1,8}([A-Za-z0-9._~+/=-]{6,}))"
    r"|(?:basic(?:[ \t]|%20){1,8}([A-Za-z0-9+/_-]{4,}={0,2}))",
    re.IGNORECASE,
)
_PASSWORD_OF_URL = re.compile(r"://[^\s/?#@:]{0,256}:([^\s/?#@]{1,256})@")
# Names of secrets in query strings, connection strings and JSON within text.
_NAMES = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|private[_-]?key|token|api[_.-]?key"
    r"|access[_-]?key(?:[_-]?id)?|credentials?|signature|sig"
)
_PREFIXED = rf"(?:[a-z]{{1,16}}[_-]?){{0,2}}(?:{_NAMES})"
_NAMED = re.compile(
    rf"(?:(?<![A-Za-z0-9_-]){_PREFIXED}=[\"']?([^&#;,\s\"'<>\\)\]}}]+))"
    rf"|(?:[\"']{_PREFIXED}\\{{0,3}}[\"']\s{{0,4}}:\s{{0,4}}\\{{0,3}}[\"']([^\"'\\]+))",
    re.IGNORECASE,
)
_INDEX = r"(?:\.[0-9]{1,4}|\[[0-9]{1,4}\])?\Z"
_PASSWORD_KEY = re.compile(
    rf"(?:pass(?:word|wd|phrase|code)|pwd|secret|private[_-]?key){_INDEX}", re.IGNORECASE
)
_TOKEN_KEY = re.compile(
    rf"(?:token|api[_.-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key|credentials?){_INDEX}",
    re.IGNORECASE,
)
# No hash of ours within it: that is what has been left of a secret.
_LOOKS_SECRET = re.compile(
    r"(?=[^0-9]*[0-9])(?!.*(?:sha256|hmac)-[0-9a-f]{16})[A-Za-z0-9+/_.~=-]{16,}"
)


def _find_tokens(text: str) -> Iterator[Place]:
    for prefix, pattern in _TOKEN_PATTERNS:
        if prefix in text:
            for found in pattern.finditer(text):
                if prefix != "eyJ" or "." in found[0]:
                    yield found.span()
    # These are slow, and the signs that they need are not in every text.
    if " " in text or "\t" in text or "%20" in text:
        for found in _SCHEME.finditer(text):
            if _is_bearer(found[1]) if found[1] else _is_basic(found[2]):
                yield found.span(found.lastindex or 0)
    if "@" in text:
        for found in _PASSWORD_OF_URL.finditer(text):
            yield found.span(1)
    if "=" in text or ":" in text:
        for found in _NAMED.finditer(text):
            yield found.span(found.lastindex or 0)


def _is_bearer(token: str) -> bool:
    """Tell a token from a word, as in "bearer authentication"."""
    return len(token) >= 20 or any(char.isdigit() for char in token)


def _is_basic(text: str) -> bool:
    """Say whether this is "user:password" in base64, and no word such as "basic research"."""
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        decoded = base64.b64decode(padded, altchars=b"-_" if "-" in text else None)
    except binascii.Error:
        return False
    user, colon, _ = decoded.partition(b":")
    return bool(colon) and user.isascii() and user.decode("ascii").isprintable()


def _token_whole(key: str, text: str) -> bool:
    if _PASSWORD_KEY.search(key):
        return True
    return bool(_TOKEN_KEY.search(key) and _LOOKS_SECRET.fullmatch(text))


# The first digits that issuers have: Mastercard, Mir (2), American Express, Diners, JCB (3), Visa (4),
# Mastercard, Maestro (5), Discover, UnionPay, Maestro (6), RuPay (8), Troy (9). Times in
# microseconds or nanoseconds begin otherwise.
_ISSUER = re.compile(
    r"2(?:20[0-4]|2[2-9]|[3-6]|7[01]|720)|3(?:0[0-59]|[4-9])|4|5[0-8]"
    r"|6(?:[0237]|4[4-9]|5)|8[12]|9792"
)
_DIGITS = re.compile(r"[0-9]+(?:[ -][0-9]+)*")
_FEWEST_DIGITS, _MOST_DIGITS = 13, 19
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _find_cards(text: str) -> Iterator[Place]:
    for run in _DIGITS.finditer(text):
        if run.end() - run.start() >= _FEWEST_DIGITS:
            yield from _cards_of_run(text, run.start(), run.end())


def _cards_of_run(text: str, begin: int, end: int) -> Iterator[Place]:
    """Look at digits in groups: a card's number begins with one and ends with one."""
    groups = [
        (group.start(), group.end()) for group in re.compile("[0-9]+").finditer(text, begin, end)
    ]
    # Part of a word (an ID in hex) or of a fraction.
    before, after = text[max(0, begin - 2) : begin], text[end : end + 2]
    if re.search(r"[A-Za-z]\Z|[0-9]\.\Z", before):
        groups = groups[1:]
    if groups and re.match(r"[A-Za-z]|\.[0-9]", after):
        groups = groups[:-1]
    first = 0
    while first < len(groups):
        last = _last_group(text, groups, first)
        if last is None:
            first += 1
        else:
            yield groups[first][0], groups[last][1]
            first = last + 1


def _last_group(text: str, groups: list[Place], first: int) -> int | None:
    # A hash of ours may happen to have no letters.
    if text.endswith(("sha256-", "hmac-"), 0, groups[first][0]):
        return None
    if not _ISSUER.match(plain_digits(text[groups[first][0] : groups[first][0] + 8])):
        return None
    digits, found = "", None
    for index in range(first, min(first + _MOST_DIGITS, len(groups))):
        begin, end = groups[index]
        if len(digits) + end - begin > _MOST_DIGITS:
            break
        digits += text[begin:end]
        if len(digits) >= _FEWEST_DIGITS and _passes_luhn(digits):
            found = index
    return found


def plain_digits(text: str) -> str:
    """Return the text without the separators that card numbers are written with."""
    return text.replace(" ", "").replace("-", "")


def _passes_luhn(digits: str) -> bool:
    total = sum(int(digit) for digit in digits[-1::-2])
    return (total + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


_DOMAIN = re.compile(r"(?:@|%40)(?:[\w-]{1,63}\.){1,10}[^\W\d_]{2,63}")
_LOCAL = re.compile(r"[\w.%+'-]+\Z")
_LONGEST_LOCAL = 64


def _find_emails(text: str) -> Iterator[Place]:
    for domain in _DOMAIN.finditer(text):
        at = domain.start()
        # From the sign backwards: forwards, each letter of a long word would have to be tried.
        local = _LOCAL.search(text[max(0, at - _LONGEST_LOCAL) : at])
        if local:
            yield at - len(local[0]), domain.end()


_HEADERS = (
    r"(?:proxy-)?authorization|(?:set-)?cookies?2?|(?:x-)?api-key|x-goog-api-key"
    r"|x-(?:auth|access|amz-security|csrf|xsrf|vault)-token"
)
_HEADER_KEY = re.compile(rf"(?:^|[^A-Za-z0-9])(?:{_HEADERS}){_INDEX}", re.IGNORECASE)
_HEADER_TEXT = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_HEADERS})"
    r"\\{0,3}[\"']?[ \t]{0,4}(?::|=(?![=>])|=>)[ \t]{0,4}(?:\[(?=\\{0,3}[\"']))?"
    r"(?:\\{0,3}[\"']([^\"'\r\n]*[^\"'\r\n\\])|([^\"'\s][^\r\n]*))",
    re.IGNORECASE,
)


def _find_headers(text: str) -> Iterator[Place]:
    for found in _HEADER_TEXT.finditer(text):
        yield found.span(found.lastindex or 0)


def _header_whole(key: str, _text: str) -> bool:
    return bool(_HEADER_KEY.search(key.replace("_", "-")))


def _never_whole(_key: str, _text: str) -> bool:
    return False


_AFTER_KEY = r"(?:\.[0-9]{1,4}|\[[0-9]{1,4}\])?[\"'\\=]"
DETECTORS: Mapping[str, Detector] = {
    "token": Detector(
        _find_tokens,
        _token_whole,
        f"(?:{'|'.join(re.escape(prefix) for prefix, _ in _TOKEN_PATTERNS)})"
        + r"[A-Za-z0-9_.+/=-]{10}|-----BEGIN |://[^\s/?#@]*@|(?i:bearer[ \t\\%]|basic[ \t\\%])"
        + rf"|(?i:(?:{_NAMES}){_AFTER_KEY})",
    ),
    "card": Detector(
        _find_cards,
        _never_whole,
        r"(?:^\.?|[^0-9A-Za-z.]|[^0-9]\.|\\[bfnrt]|\\u00[0-9a-f]{2})[2-689](?:[ -]?[0-9]){12}",
    ),
    "email": Detector(_find_emails, _never_whole, r"(?:@|%40)[^\s@\"\\/]*\.[^\s@\"\\/0-9.]"),
    "authorization": Detector(
        _find_headers,
        _header_whole,
        r"(?i:authorization|cookie|api[_-]key"
        r"|x[_-](?:auth|access|amz[_-]security|csrf|xsrf|vault)[_-]token)",
    ),
}
