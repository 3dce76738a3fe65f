"""Who may ask what: hosts, origins, keys, versions, sizes."""

import gzip

import pytest

from penstock.core.errors import NotAServer, NotAuthorized, RequestInvalid
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.ports import ListFlowRuns, ListFlows, SetVariable
from penstock.server.guard import BODY_BYTES_MAX, Asked, Door, check
from penstock.wire import VERSION_HEADER, WIRE_VERSION
from tests.fixtures.servers import serving
from tests.server.conftest import Serve, Served

KEY = "open-sesame"


def test_every_route_but_health_needs_the_key(serve: Serve) -> None:
    served = serve(door=Door(api_key=KEY))
    paths = [
        path for path in served.http.get("/api/openapi.json", headers=bearer(KEY)).json()["paths"] if "{" not in path
    ]
    answers = {
        path: served.http.request("GET", path).status_code for path in [*paths, "/metrics", "/docs", "/api/nothing"]
    }
    assert {"/api/health", "/api/session"} == {path for path, status in answers.items() if status != 401}


def test_the_key_opens_and_another_does_not(serve: Serve) -> None:
    served = serve(door=Door(api_key=KEY))
    assert [] == list(served.remote(api_key=KEY).ask(ListFlows()).items)
    for wrong in ("other", None):
        with pytest.raises(NotAuthorized):
            served.remote(api_key=wrong).ask(ListFlows())


def test_a_browser_hands_the_key_in_once(serve: Serve) -> None:
    served = serve(door=Door(api_key=KEY))
    assert {"key_needed": True, "signed_in": False} == served.http.get("/api/session").json()
    assert 401 == served.http.post("/api/session", json={"key": "other"}).status_code
    answer = served.http.post("/api/session", json={"key": KEY})
    assert all(word in answer.headers["set-cookie"] for word in ("HttpOnly", "SameSite=strict"))
    assert 200 == served.http.get("/api/flows").status_code
    assert {"key_needed": True, "signed_in": True} == served.http.get("/api/session").json()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:4200"])
def test_names_that_the_server_is_not_known_by_are_refused(served: Served, host: str) -> None:
    assert 403 == served.http.get("/api/health", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host", ["localhost:4200", "127.0.0.1", "[::1]:4200", "penstock.localhost", "host.docker.internal:4200"]
)
def test_names_of_this_machine_are_known(served: Served, host: str) -> None:
    assert 200 == served.http.get("/api/health", headers={"Host": host}).status_code


def test_a_page_of_another_site_changes_nothing(served: Served) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = served.http.put("/api/variables/a", json={"value": 1}, headers=headers)
        assert (403, "RequestRefused") == (answer.status_code, answer.json()["error"]["type"])
    assert 404 == served.http.get("/api/variables/a").status_code
    assert 200 == served.http.put("/api/variables/a", json={"value": 1}, headers={"Origin": served.url}).status_code


def test_every_answer_says_what_browsers_may_load(served: Served) -> None:
    for path in ("/", "/docs", "/api/flows", "/api/nothing"):
        headers = served.http.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert "'self'" == policy["script-src"]
        assert ("nosniff", str(WIRE_VERSION)) == (headers["x-content-type-options"], headers[VERSION_HEADER])


def test_the_documentation_loads_nothing_from_elsewhere(served: Served) -> None:
    for page in ("/docs", "/redoc"):
        text = served.http.get(page).text
        assert "://" not in text
        assert "<script>" not in text
        sources = [part.split('"')[0] for part in text.replace('href="', 'src="').split('src="')[1:]]
        answers = [served.http.get(source) for source in sources]
        assert [200] * len(sources) == [answer.status_code for answer in answers]
        assert not [answer.url for answer in answers if "://cdn" in answer.text]


def test_a_client_of_another_version_is_told(served: Served) -> None:
    answer = served.http.get("/api/flows", headers={VERSION_HEADER: "999"})
    assert (426, "VersionMismatch") == (answer.status_code, answer.json()["error"]["type"])


def test_something_else_at_the_address_is_told(served: Served) -> None:
    async def other(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"<html>"})  # type: ignore[operator]

    with serving(other) as url, pytest.raises(NotAServer):
        RemoteOrchestrator(f"{url}/api").ask(ListFlows())


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    asked = Asked("POST", "/api/flows", {"host": "localhost", "content-length": str(BODY_BYTES_MAX + 1)})
    assert "TooLarge" == type(check(Door(), asked)).__name__
    bomb = gzip.compress(bytes(BODY_BYTES_MAX + 1))
    answer = served.http.post("/api/logs/filter", content=bomb, headers={"Content-Encoding": "gzip"})
    assert (413, "TooLarge") == (answer.status_code, answer.json()["error"]["type"])


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"no gzip", {"Content-Encoding": "gzip"}),
        (b"{}", {"Content-Encoding": "br"}),
        (b"{", {}),
        (b"[" * 100_000, {}),
        (b'{"limit": "many"}', {}),
        (b'{"nonsense": 1}', {}),
        (b'{"filter": {"ids": ["zz"]}}', {}),
        (b'{"filter": {"since": 1e99}}', {}),
        (b'{"cursor": "zz"}', {}),
        (b"\xff\xfe", {}),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_reason(
    served: Served, content: bytes, headers: dict[str, str]
) -> None:
    answer = served.http.post(
        "/api/flow-runs/filter", content=content, headers={"Content-Type": "application/json", **headers}
    )
    assert 422 == answer.status_code
    assert answer.json()["error"]["message"]


def test_what_is_not_there_is_a_404_with_a_hint(served: Served) -> None:
    served.local.ask(SetVariable(name="region", value=1))
    answer = served.http.get("/api/variables/regoin")
    assert (404, ["region"]) == (answer.status_code, answer.json()["error"]["facts"]["near"])
    assert 404 == served.http.get("/api/flow-runs/" + "0" * 32).status_code
    assert 404 == served.http.get("/api/no/such/route").status_code
    assert 405 == served.http.delete("/api/flows").status_code


def test_an_address_without_the_api_is_told_so(served: Served) -> None:
    with pytest.raises(RequestInvalid, match="PENSTOCK_API_URL ends with it"):
        RemoteOrchestrator(f"{served.url}/nothing").ask(ListFlowRuns())
    with pytest.raises(NotAServer, match="/api at its end"):
        RemoteOrchestrator(f"{served.url}/nothing").ask(ListFlows())


@pytest.mark.parametrize("name", ["a%0Ab", "a%00b", "%7f"])
def test_names_with_control_characters_are_refused_as_documented(served: Served, name: str) -> None:
    answer = served.http.put(f"/api/variables/{name}", json={"value": 1})
    assert (422, "RequestInvalid") == (answer.status_code, answer.json()["error"]["type"])


def test_a_name_may_have_a_slash_in_it(served: Served) -> None:
    assert "a/b" == served.http.put("/api/variables/a%2Fb", json={"value": 1}).json()["name"]
    assert 1 == served.http.get("/api/variables/a/b").json()["value"]


def test_what_is_no_id_is_told_what_an_id_is(served: Served) -> None:
    answer = served.http.get("/api/flow-runs/018b")
    assert (422, True) == (answer.status_code, "32 hexadecimal digits" in answer.json()["error"]["message"])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
