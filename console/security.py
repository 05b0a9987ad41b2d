"""What stands around every page: headers, the refusal of other sites' forms, log-in and role, errors in plain words."""

from urllib.parse import urlsplit

import structlog
from aiohttp import web

from console import auth, language
from console.context import CONSOLE, VIEWER
from console.pages import page
from console.permissions import Handler, roles_of
from content.sentence import Sentence
from store.database import is_unreachable

log = structlog.get_logger()

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
_HSTS = "max-age=31536000; includeSubDomains"

_WORDS = {
    400: (Sentence("That did not arrive whole"), Sentence("Go back and try again.")),
    403: (
        Sentence("You cannot open this"),
        Sentence("Your role does not include this page. Ask your coordinator if it should."),
    ),
    404: (Sentence("Nothing here"), Sentence("There is no such page, or it is not one you may see.")),
    405: (Sentence("That is not how this page is used"), Sentence("Go back and use the button on the page.")),
    409: (Sentence("Somebody was faster"), Sentence("Go back, look again, and try once more.")),
    413: (Sentence("That is too long"), Sentence("Shorten it and try again.")),
    429: (
        Sentence("Too many tries"),
        Sentence("Wait a quarter of an hour, then try again, or ask your coordinator for help."),
    ),
    500: (
        Sentence("Something broke on our side"),
        Sentence("Nothing of yours was lost. Try again; if it is urgent, call your colleague on duty."),
    ),
    503: (
        Sentence("The service is away for a moment"),
        Sentence("Try again in a minute. If it is urgent, call your colleague on duty."),
    ),
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every response, before it leaves (a signal, so that streams and errors have them too)."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.app[CONSOLE].secure_cookies:
        response.headers["Strict-Transport-Security"] = _HSTS


def is_foreign(request: web.Request, base_url: str) -> bool:
    """Whether a form comes from another site. Browsers say so; what says nothing is refused as well."""
    if request.method in _SAFE_METHODS:
        return False
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    own = urlsplit(base_url)
    return origin not in {f"{own.scheme}://{own.netloc}", f"{request.scheme}://{request.host}"}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other sites' forms, find out who is looking, and let only the roles in that the handler names."""
    if is_foreign(request, request.app[CONSOLE].base_url):
        raise web.HTTPForbidden
    roles = roles_of(request.match_info.handler)
    viewer = await auth.find_viewer(request)
    if viewer is not None:
        request[VIEWER] = viewer
        language.speak(language.choose(request, viewer.languages))
    if roles is None:
        return await handler(request)
    if viewer is None:
        return await auth.to_login(request)
    if viewer.role not in roles:
        raise web.HTTPForbidden
    return await handler(request)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever went wrong into a page that says what to do; the log gets the kind of fault, never its values."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_page(request, error.status)
    except Exception as error:  # noqa: BLE001  a page must come, whatever broke
        if is_unreachable(error):
            log.warning("console_database_away", error=type(error).__name__)
            return error_page(request, 503)
        # Not `exception`: a traceback's last line may quote the values of a query.
        log.error(  # noqa: TRY400  see above
            "console_fault", route=_route(request), error=type(error).__name__, where=_where(error)
        )
        return error_page(request, 500)


def error_page(request: web.Request, status: int) -> web.Response:
    title, sentence = _WORDS.get(status, _WORDS[400 if status < 500 else 500])
    return page(request, "error.html", status=status, title=language.say(title), sentence=language.say(sentence))


def _where(error: BaseException) -> str:
    """File and line of the fault. Not the message: a database error quotes its parameters."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
