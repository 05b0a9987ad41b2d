"""The fake is as strict as Twilio's own API description, signs as Twilio signs, and fails when told to."""

import json
import re
from base64 import b64encode
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from channels.fake_twilio import ACCOUNT_SID, AUTH_TOKEN, CONDITIONS, PARAMETERS, QUERY, FakeTwilio

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference" / "twilio_api_v2010.json"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="Twilio's API description is not on this machine")
PERSON, SENDER = "+19995550123", "+19995550100"
GOOD = {"To": PERSON, "From": SENDER, "Body": "Habari"}


def basic(token):
    return {"Authorization": "Basic " + b64encode(f"{ACCOUNT_SID}:{token}".encode()).decode()}


class Hooks:
    """A server of ours that keeps the webhooks it gets."""

    def __init__(self):
        self.seen = []
        self.url = ""

    async def take(self, request):
        self.seen.append((self.url + request.raw_path, dict(request.headers), dict(await request.post())))
        return web.Response(text="")


@pytest.fixture
async def hooks():
    hooks = Hooks()
    app = web.Application()
    app.router.add_post("/{tail:.*}", hooks.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield hooks
    await runner.cleanup()


@pytest.fixture
async def fake(hooks):
    twilio = FakeTwilio(inbound_url=f"{hooks.url}/in")
    await twilio.start()
    yield twilio
    await twilio.stop()


@pytest.fixture
async def call(fake):
    async with aiohttp.ClientSession(headers=basic(AUTH_TOKEN)) as session:

        async def call(method, path="", **options):
            url = f"{fake.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages{path}.json"
            async with session.request(method, url, **options) as answer:
                return answer.status, await answer.json()

        yield call


def described():
    paths = json.loads(REFERENCE.read_text())
    return paths["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"], paths["components"]["schemas"]


def schema_of(value, schemas):
    return schemas[value["$ref"].rpartition("/")[2]] if "$ref" in value else value


@needs_reference
def test_it_takes_the_parameters_twilio_describes():
    path, _ = described()
    form = path["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert set(PARAMETERS) == set(form["properties"])
    assert set(QUERY) == {p["name"] for p in path["get"]["parameters"] if p["in"] == "query"}
    snake = [[re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in names] for names, _ in CONDITIONS]
    assert snake == [[name.lower() for name in form["required"]], *path["post"]["x-twilio"]["conditional"]]


@needs_reference
def test_it_takes_and_refuses_the_values_twilio_describes():
    path, schemas = described()
    form = path["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    for name, value in form["properties"].items():
        schema, rule = schema_of(value, schemas), PARAMETERS[name]
        if "enum" in schema:
            assert [rule(word) for word in [*schema["enum"], "other"]] == [True] * len(schema["enum"]) + [False], name
        elif "pattern" in schema:
            assert (rule(schema["pattern"][1:3] + "a" * 32), rule("XX" + "a" * 32)) == (True, False), name
        elif schema["type"] in {"boolean", "integer", "number"}:
            good = {"boolean": "true", "integer": "5", "number": "1.5"}[schema["type"]]
            assert (rule(good), rule("maybe")) == (True, False), name
        elif schema.get("format") in {"uri", "date-time"}:
            good = {"uri": "https://example.org/x", "date-time": "2026-03-03T09:00:00Z"}[schema["format"]]
            assert (rule(good), rule("maybe")) == (True, False), name


@needs_reference
async def test_its_answers_have_the_fields_and_types_twilio_describes(call):
    path, schemas = described()
    properties = schemas["api.v2010.account.message"]["properties"]
    status, message = await call("POST", data=GOOD)
    assert status == 201
    assert set(message) == set(properties)
    for name, value in message.items():
        schema = schema_of(properties[name], schemas)
        kinds = {"string": str, "integer": int, "object": dict}
        assert isinstance(value, kinds[schema["type"]]) or (value is None and schema["nullable"]), name
        assert "enum" not in schema or value in schema["enum"], name
        assert "pattern" not in schema or value is None or re.fullmatch(schema["pattern"], value), name
    _, page = await call("GET")
    listed = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert set(page) == set(listed)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": ""}, 400, 21604),
        ({"To": "12"}, 400, 21211),
        ({"From": ""}, 400, 21603),
        ({"Body": ""}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"To": SENDER}, 400, 21266),
        ({"StatusCallback": "nowhere"}, 400, 21609),
        ({"MessagingServiceSid": "MG1"}, 400, 21701),
        ({"ValidityPeriod": "0"}, 400, 20001),
        ({"ContentRetention": "keep"}, 400, 20001),
    ],
)
async def test_what_twilio_refuses_is_refused(fake, call, change, status, code):
    answer = await call("POST", data={k: v for k, v in (GOOD | change).items() if v})
    assert (answer[0], answer[1]["code"], answer[1]["status"]) == (status, code, status)
    assert fake.messages == []


async def test_a_wrong_token_is_refused(fake):
    async with aiohttp.ClientSession(headers=basic("wrong")) as session:
        url = f"{fake.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        async with session.post(url, data=GOOD) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, 20003)


async def test_a_message_is_reported_sent_then_delivered_with_signed_callbacks(fake, call, hooks):
    callback = f"{hooks.url}/cb?id=5"
    await call("POST", data=GOOD | {"StatusCallback": callback})
    await fake.settled()
    assert [(url, form["MessageStatus"]) for url, _, form in hooks.seen] == [
        (callback, "sent"),
        (callback, "delivered"),
    ]
    for url, headers, form in hooks.seen:
        assert RequestValidator(AUTH_TOKEN).validate(url, form, headers["X-Twilio-Signature"])


async def test_a_failing_number_is_accepted_first_and_reported_later(fake, call, hooks):
    fake.failing_numbers[PERSON] = 30003
    status, _ = await call("POST", data=GOOD | {"StatusCallback": f"{hooks.url}/cb"})
    await fake.settled()
    assert status == 201
    assert [(f["MessageStatus"], f.get("ErrorCode")) for _, _, f in hooks.seen] == [
        ("sent", None),
        ("undelivered", "30003"),
    ]


async def test_callbacks_come_again_and_out_of_order_on_demand(fake, call, hooks):
    fake.callbacks = False
    await call("POST", data=GOOD | {"StatusCallback": f"{hooks.url}/cb"})
    for status in ("delivered", "sent", "sent"):
        await fake.advance(fake.messages[0], status)
    assert [form["MessageStatus"] for _, _, form in hooks.seen] == ["delivered", "sent", "sent"]


async def test_stop_closes_a_number_and_start_opens_it(fake, call, hooks):
    codes = []
    for word in (" Stop ", "stop it please", "START"):
        assert await fake.text(PERSON, word) == 200
        codes.append((await call("POST", data=GOOD))[1].get("code"))
    assert codes == [21610, 21610, None]
    assert [form["Body"] for _, _, form in hooks.seen] == [" Stop ", "stop it please", "START"]
    url, headers, form = hooks.seen[0]
    assert RequestValidator(AUTH_TOKEN).validate(url, form, headers["X-Twilio-Signature"])


async def test_lists_are_paged_newest_first_and_filtered(fake, call):
    for number in range(5):
        await call("POST", data=GOOD | {"Body": str(number)})
    await call("POST", data=GOOD | {"To": "+19995550999"})
    await fake.settled()
    _, page = await call("GET", params={"To": PERSON, "PageSize": "2"})
    assert [m["body"] for m in page["messages"]] == ["4", "3"]
    token = re.search(r"PageToken=(\w+)", page["next_page_uri"])[1]
    _, page = await call("GET", params={"To": PERSON, "PageSize": "2", "Page": "1", "PageToken": token})
    assert [m["body"] for m in page["messages"]] == ["2", "1"]
    for query, expected in (({"DateSent>": "2026-01-01"}, 6), ({"DateSent<": "2020-01-01T00:00:00Z"}, 0)):
        assert len((await call("GET", params=query))[1]["messages"]) == expected


async def test_one_message_can_be_fetched(fake, call):
    _, sent = await call("POST", data=GOOD)
    await fake.settled()
    assert (await call("GET", f"/{sent['sid']}"))[1]["status"] == "delivered"
    assert (await call("GET", "/SM" + "0" * 32))[0] == 404


async def test_another_process_can_steer_and_count_it(fake, call):
    async with aiohttp.ClientSession() as session:
        control = f"{fake.url}/_control"
        async with session.post(control, json={"fail": [500, 1], "opt_out": ["+19995550111"]}) as answer:
            assert (await answer.json())["opted_out"] == 1
        assert (await call("POST", data=GOOD))[0] == 500
        assert (await call("POST", data=GOOD))[0] == 201
        async with session.get(f"{control}/messages") as answer:
            assert [(m["to"], m["body"]) for m in await answer.json()] == [(PERSON, "Habari")]
        async with session.post(control, json={"explode": True}) as answer:
            assert (answer.status, await answer.json()) == (400, {"unknown": ["explode"]})
