"""The language a page speaks: chosen per request, then everything that is said goes through the functions here.

The English text is the key; `locale/*.po` hold the others and are read as they are, without a compile step.
"""

import gettext as gettext_module
import io
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web
from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from console.context import BASE, CONSOLE
from console.permissions import Handler, public
from content.sentence import Sentence

FOLDER: Final = Path(__file__).parent / "locale"
COOKIE: Final = "hujambo-language"
_A_YEAR: Final = 365 * 24 * 3600
# What the chooser shows is each language's own name; the locale is for dates and numbers.
OWN_NAMES: Final = {"en": "English", "fr": "Français", "es": "Español", "pt": "Português", "ar": "العربية"}
_LOCALES: Final = {"en": "en_GB", "fr": "fr", "es": "es", "pt": "pt_PT", "ar": "ar"}
_COMMAS: Final = {"ar": "، "}

_spoken: ContextVar[str] = ContextVar("spoken_language", default="en")


def language() -> str:
    """The code of the language of the page that is being made; English outside of one."""
    return _spoken.get()


def locale() -> Locale:
    return _locale(language())


@cache
def _locale(code: str) -> Locale:
    return Locale.parse(_LOCALES[code])


def comma() -> str:
    """What stands between the things of a list."""
    return _COMMAS.get(language(), ", ")


def direction() -> str:
    """'ltr' or 'rtl'."""
    return str(locale().text_direction)


@cache
def catalogue(code: str) -> gettext_module.NullTranslations:
    """The translations of one language, from its .po file. Whatever is missing or fuzzy there is said in English."""
    path = FOLDER / f"{code}.po"
    if not path.is_file():
        return gettext_module.NullTranslations()
    with path.open("rb") as file:
        read = read_po(file, locale=code)
    packed = io.BytesIO()
    write_mo(packed, read)
    packed.seek(0)
    return gettext_module.GNUTranslations(packed)


def read_catalogues() -> None:
    """Read all of them now rather than while somebody waits for a page."""
    for code in OWN_NAMES:
        catalogue(code)


def gettext(message: str, **values: object) -> str:
    said = catalogue(language()).gettext(message) if message else ""
    return said % values if values else said


_ = gettext


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The form that fits the number, which is filled in as %(num)s."""
    return catalogue(language()).ngettext(one, many, number) % {"num": number, **values}


def say(sentence: object) -> str:
    """A sentence of a lower floor, or the one an error carries, in the language of the page."""
    if isinstance(sentence, BaseException):
        sentence = sentence.args[0] if sentence.args else ""
    if isinstance(sentence, Sentence):
        values = {name: say(value) if isinstance(value, Sentence) else value for name, value in sentence.values.items()}
        return gettext(sentence.pattern, **values)
    return gettext(str(sentence))


def preferred(header: str) -> str | None:
    """The best of our languages in an Accept-Language header, or None: 'fr-TD, ar;q=0.8' → 'fr'."""
    best: tuple[float, str] | None = None
    for part in header[:1000].split(","):
        tag, _, rest = part.partition(";")
        code = tag.strip().split("-")[0].lower()
        try:
            quality = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            continue
        if code in OWN_NAMES and quality > 0 and (best is None or quality > best[0]):
            best = quality, code
    return best[1] if best else None


def choose(request: web.Request, languages: tuple[str, ...] = ()) -> str:
    """What was chosen on the page, else what the browser asks for, else what the staff member speaks, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in OWN_NAMES:
        return chosen
    asked = preferred(request.headers.get("Accept-Language", ""))
    return asked or next((code for code in languages if code in OWN_NAMES), "en")


def speak(code: str) -> None:
    """From here to the end of the request."""
    _spoken.set(code)


@web.middleware
async def listen(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the language of the request. Put back afterwards: one connection brings requests of several pages."""
    before = _spoken.set(choose(request))
    try:
        return await handler(request)
    finally:
        _spoken.reset(before)


@public
async def set_language(request: web.Request) -> web.StreamResponse:
    """The choice at the foot of every page: kept in a cookie of this browser, then back to the page."""
    form = await request.post()
    code, target = str(form.get("language", "")), str(form.get("next", ""))
    if code not in OWN_NAMES:
        raise web.HTTPBadRequest
    response = web.Response(status=303, headers={"Location": own_page(target)})
    response.set_cookie(
        COOKIE,
        code,
        path=BASE,
        max_age=_A_YEAR,
        httponly=True,
        secure=request.app[CONSOLE].secure_cookies,
        samesite="Lax",
    )
    return response


def own_page(target: str) -> str:
    """Only a page of ours: a link that brings people elsewhere is a trap."""
    is_ours = target.startswith(f"{BASE}/") and "\\" not in target and "//" not in target
    return target if is_ours else f"{BASE}/alerts"
