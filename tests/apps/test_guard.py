"""The guard: strangers, other visitors and hostile requests get nothing."""

from __future__ import annotations

import http.server
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apps.small import API, PORTRAIT, SPEECH, Visitor, file, small

CONTENT = PORTRAIT.read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """The small page, open to its own machine."""
    with small(most_mb=2.0, most_seconds=20.0) as running:
        yield running


@pytest.fixture
def alice(server: Any) -> Visitor:
    return Visitor(server.url)


@pytest.fixture
def bob(server: Any) -> Visitor:
    return Visitor(server.url)


def test_a_visitor_is_known_by_a_cookie_that_scripts_cannot_read(server: Any) -> None:
    answer = httpx.get(server.url, trust_env=False)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # plain HTTP: it would not come back
    visitor = Visitor(server.url)
    name = visitor.ask("who")
    assert visitor.ask("who") == name
    assert name not in cookie
    assert name not in str(visitor.http.cookies)  # it stands in paths


def test_a_made_up_cookie_is_replaced(server: Any, alice: Visitor) -> None:
    name = f"talkgen_visitor_{server.settings.port}"
    forged = {name: "A" * 32 + "." + "0" * 32}
    answer = httpx.get(server.url, cookies=forged, trust_env=False)
    assert f"{name}=" in answer.headers["set-cookie"]
    known = httpx.get(server.url, cookies=dict(alice.http.cookies), trust_env=False)
    assert "set-cookie" not in known.headers


def test_two_servers_of_a_machine_leave_each_others_visitors_alone(
    server: Any, alice: Visitor
) -> None:
    name = alice.ask("who")
    port = int(server.url.rsplit(":", 1)[1])
    other = f"talkgen_visitor_{port + 1}"
    alice.http.cookies.set(other, "B" * 32 + "." + "0" * 32)  # browsers send it to every port
    assert alice.ask("who") == name
    assert "set-cookie" not in alice.http.get("/").headers
    odd = "; ".join(
        ['{"a": [1, "b"]}', "=", "x[y]=z,w", *map("=".join, alice.http.cookies.items())]
    )
    headers = {"cookie": odd}  # of another program at this host
    assert "set-cookie" not in httpx.get(server.url, headers=headers, trust_env=False).headers


def test_browsers_are_told_to_ask_nobody_else(server: Any, alice: Visitor) -> None:
    headers = alice.http.get("/").headers
    policy = headers["content-security-policy"]
    assert "http" not in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    path = alice.upload("portrait.jpg", CONTENT)
    assert "sandbox" in alice.fetch(path).headers["content-security-policy"]
    assert "private" in alice.fetch(path).headers["cache-control"]


# whose files


def test_uploads_are_their_owners_alone(alice: Visitor, bob: Visitor) -> None:
    path = alice.upload("mine.jpg", CONTENT)
    assert alice.fetch(path).content == CONTENT
    assert bob.fetch(path).status_code == 404
    assert alice.ask("picture", file(path)) == f"picture mine.jpg of {len(CONTENT)}"
    assert bob.call("picture", file(path)).status_code == 403
    address = f"{bob.http.base_url}{API}/file={path}"
    for sly in (
        file("", url=address), {"value": {"path": path}}, [path], address, {path: 1},
        file(path.replace("/", "//", 1)), file(path + "/../mine.jpg"),
    ):  # fmt: skip
        assert bob.call("echo", sly).status_code == 403, sly
    assert bob.upload("mine.jpg", CONTENT) == path  # the same content, so it is his as well
    assert bob.fetch(path).status_code == 200


def test_made_files_are_their_owners_alone(alice: Visitor, bob: Visitor) -> None:
    path = alice.ask("make", "for alice")["path"]
    assert alice.fetch(path).text == "for alice"
    assert bob.fetch(path).status_code == 404
    own = bob.ask("make", "for bob")["path"]
    assert own != path
    there = os.path.relpath(path, Path(own).parent)
    assert bob.fetch(f"{Path(own).parent}/{there}").status_code == 404


def test_pictures_that_gradio_keeps_are_theirs_who_were_shown_them(
    alice: Visitor, bob: Visitor
) -> None:
    path = alice.ask("shade", 77)["path"]
    assert alice.fetch(path).status_code == 200
    assert bob.fetch(path).status_code == 404
    assert bob.ask("shade", 77)["path"] == path
    assert bob.fetch(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "/etc/../etc/passwd", "etc/passwd", "../../../etc/passwd", "/", "/proc/self",
        "/proc/self/root/etc/passwd", "/proc/self/environ", "{root}/../../etc/passwd", "{root}",
        "{root}/", "{root}/.lock", "{root}/made", "{root}/made/../.lock",
        "/proc/self/root{root}/.lock", "{portrait}", "file:///etc/passwd", "\0", "{root}/\0x",
        "~/.bashrc", "//etc/passwd", "http://localhost/x", "data:text/plain,x",
    ],
)  # fmt: skip
def test_no_other_file_is_served_or_taken(server: Any, alice: Visitor, path: str) -> None:
    path = path.format(root=server.files.root, portrait=PORTRAIT)
    sent = path.replace("\0", "%00")
    assert alice.http.get(f"{API}/file={sent}").status_code == 404
    assert alice.http.get(f"{API}/file={sent.replace('/', '%2f')}").status_code == 404
    assert alice.http.get(f"{API}/file/{sent}").status_code == 404
    assert alice.call("picture", file(path)).status_code == 403


def test_of_a_file_that_was_swept_the_field_says_so(server: Any, alice: Visitor) -> None:
    path = alice.upload("old.jpg", b"\xff\xd8" + CONTENT)  # nobody else's content
    server.files.forget(path)
    given = file(path, url=f"{server.url}{API}/file={path}")
    assert "no such file: 'old.jpg'" in alice.ask("picture", given)
    gone = f"{server.files.root}/made/{'0' * 32}/job/video.mp4"
    refused = alice.call("picture", file(gone))
    assert refused.status_code == 403
    assert "not yours" in refused.json()["detail"]


def test_a_link_below_the_root_leads_nowhere(server: Any, alice: Visitor) -> None:
    folder = Path(alice.ask("make", "x")["path"]).parent
    (folder / "link").symlink_to("/etc/passwd")
    assert alice.fetch(f"{folder}/link").status_code == 404
    assert alice.call("picture", file(f"{folder}/link")).status_code == 403


def test_no_address_is_fetched_for_a_visitor(server: Any, alice: Visitor) -> None:
    asked = []

    class Trap(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET

    trap = http.server.HTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{trap.server_port}/portrait.jpg"
    try:
        own = alice.upload("own.jpg", CONTENT)
        for given in (file(url), file("", url=url), file(own, url=url), {"path": url}):
            assert alice.call("picture", given).status_code == 403, given
        assert alice.fetch(url).status_code == 404
        assert alice.http.get(f"{API}/proxy={url}").status_code == 404
    finally:
        trap.shutdown()
    assert not asked


def test_twice_named_keys_are_read_once(alice: Visitor) -> None:
    own = alice.upload("own.jpg", CONTENT)
    meta = '"meta":{"_type":"gradio.FileData"}'
    body = f'{{"data":[{{"path":"/etc/passwd","path":"{own}",{meta}}}]}}'
    kind = {"content-type": "application/json"}
    answer = alice.http.post(f"{API}/call/picture", content=body, headers=kind)
    assert "own.jpg" in alice.answer("picture", answer.json()["event_id"])
    body = f'{{"data":[{{"path":"{own}","path":"/etc/passwd",{meta}}}]}}'
    answer = alice.http.post(f"{API}/call/picture", content=body, headers=kind)
    assert answer.status_code == 403
    wide = f'{{"data":[{{"path":"/etc/passwd",{meta}}}]}}'.encode("utf-16")
    answer = alice.http.post(f"{API}/call/picture", content=wide, headers=kind)
    assert answer.status_code == 403


# what is no page of ours


@pytest.mark.parametrize(
    "path",
    [
        "proxy=http://127.0.0.1/", "stream/a/b/1/playlist.m3u8", "stream/a/b/1/playlist-file",
        "deep_link?session_hash=a", "monitoring", "dev/reload", "run-history/buckets", "runs",
        "custom_component/a/client/b/c", "token", "vibe-code", "profiling/traces", "mcp/",
    ],
)  # fmt: skip
def test_routes_that_the_page_does_not_need_are_closed(alice: Visitor, path: str) -> None:
    assert alice.http.get(f"{API}/{path}").status_code == 404
    assert alice.http.post(f"{API}/{path}", json={}).status_code == 404


def test_other_routes_that_write_or_run_are_closed(alice: Visitor) -> None:
    for path in (
        "component_server",
        "process_recording",
        "vibe-edit",
        "undo-vibe-edit",
        "stream/a",
    ):
        assert alice.http.post(f"{API}/{path}", json={}).status_code == 404
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert alice.http.request(method, "/").status_code == 404
    assert alice.http.get("/?deep_link=abc").status_code == 404
    assert alice.http.get("/monitoring").status_code == 404
    assert alice.http.get("/docs").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 50_000, b'{"a":' * 20_000, b'{"session_hash": 3}'],
)
def test_what_is_no_call_is_refused(alice: Visitor, body: bytes) -> None:
    assert alice.http.post(f"{API}/queue/join", content=body).status_code in (400, 404)


def test_nobody_listens_to_anothers_window(alice: Visitor, bob: Visitor) -> None:
    join = {"data": ["secret words"], "fn_index": 5, "session_hash": "alices_window"}
    run = alice.http.post(f"{API}/queue/join", json=join).json()["event_id"]
    listen = f"{API}/queue/data?session_hash=alices_window"
    assert bob.http.get(listen).status_code == 404
    assert bob.http.get(f"{API}/heartbeat/alices_window").status_code == 404
    assert bob.http.get(f"{API}/call/echo/{run}").status_code == 404
    assert bob.http.post(f"{API}/queue/join", json=join).status_code == 404
    cancel = {"session_hash": "bobs_window", "event_id": run, "fn_index": 5}
    assert bob.http.post(f"{API}/cancel", json=cancel).status_code == 404
    cancel["session_hash"] = "alices_window"
    assert bob.http.post(f"{API}/cancel", json=cancel).status_code == 404
    assert "secret words" in alice.http.get(listen).text


# other sites


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "elsewhere.example"}, 403),
        ({"host": "127.0.0.1.elsewhere.example"}, 403),
        ({"host": "localhost:1234"}, 200),
        ({}, 200),
    ],
)
def test_other_sites_may_only_link_to_the_page(
    server: Any, headers: dict[str, str], status: int
) -> None:
    answer = httpx.get(server.url + "/", headers=headers, trust_env=False)
    assert answer.status_code == status


def test_other_sites_cannot_send_a_visitors_files(alice: Visitor) -> None:
    path = alice.upload("own.jpg", CONTENT)
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert alice.http.get(f"{API}/file={path}", headers=foreign).status_code == 403
    assert alice.http.post(f"{API}/call/who", json={}, headers=foreign).status_code == 403


# how much


def test_a_large_upload_is_refused_before_it_comes_in(server: Any, alice: Visitor) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            f"POST {API}/upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 3000000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
        )
        answer = line.recv(100)
    assert b" 413 " in answer

    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
        for _ in range(100):
            yield bytes(100_000)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    try:
        late = alice.http.post(f"{API}/upload", content=endless(), headers=kind)
        assert late.status_code == 413
    except httpx.WriteError:  # the server hung up
        pass
    before = server.files.num_bytes()
    parts = [("files", (f"{n}.jpg", bytes(900_000))) for n in range(3)]  # each small enough
    assert alice.http.post(f"{API}/upload", files=parts).status_code == 413
    assert "2 MB, the most taken here" in alice.http.post(f"{API}/upload", files=parts).text
    assert server.files.num_bytes() - before < 3_000_000


def test_a_large_call_is_refused(alice: Visitor) -> None:
    assert alice.call("echo", "x" * 5_000_000).status_code == 413
    assert alice.ask("echo", "x" * 100_000) == "x" * 100_000


def test_what_is_no_media_is_emptied_and_the_reason_told(alice: Visitor) -> None:
    path = alice.upload("page.jpg", b"<html><script>alert(1)</script></html>")
    assert alice.fetch(path).content == b""
    assert "'page.jpg' is no picture, sound or video" in alice.ask("picture", file(path))
    again = alice.upload("page.jpg", b"<html><script>alert(1)</script></html>")
    assert again == path
    assert alice.fetch(path).content == b""
    program = alice.upload("run.sh", b"#!/bin/sh\n")
    assert alice.fetch(program).content == b""


def test_one_visitor_cannot_fill_the_disk() -> None:
    with small(most_mb=0.01) as running:
        greedy, other = Visitor(running.url), Visitor(running.url)
        for number in range(12):
            greedy.upload(f"{number}.wav", _sound(number, 9000))
        full = greedy.http.post(f"{API}/upload", files={"files": ("a.wav", _sound(20, 9000))})
        assert full.status_code == 507
        assert "your files here have more than 0.1 MB" in full.text
        assert other.upload("a.wav", _sound(20, 9000))


def _sound(seed: int, size: int) -> bytes:
    """Return a WAV file of so many bytes."""
    head = b"RIFF" + (size - 8).to_bytes(4, "little") + b"WAVEfmt " + bytes.fromhex(
        "10000000010001003e0000003e0000000100080064617461"
    )  # fmt: skip
    return head + (size - 44).to_bytes(4, "little") + bytes([seed % 256]) * (size - 44)


# secret and passwords


@pytest.fixture
def secretive() -> Iterator[Any]:
    with small(secret="open sesame") as running:
        yield running


def test_without_the_secret_there_is_only_its_question(secretive: Any) -> None:
    stranger = Visitor(secretive.url)
    page = stranger.http.get("/")
    assert page.status_code == 401
    assert 'type="password"' in page.text
    assert "gradio" not in page.text
    assert stranger.http.get("/config").status_code == 401
    assert stranger.call("who").status_code == 401
    assert stranger.http.get(f"{API}/info").status_code == 401
    upload = stranger.http.post(f"{API}/upload", files={"files": ("a.jpg", CONTENT)})
    assert upload.status_code == 401


def test_the_secret_opens_by_page_address_and_header(secretive: Any) -> None:
    by_header = Visitor(secretive.url, authorization="Bearer open sesame")
    assert by_header.ask("echo", "hello") == "hello"
    for enter in (
        lambda v: v.http.get("/", params={"secret": "open sesame", "__theme": "dark"}),
        lambda v: v.http.post("/secret", data={"secret": "open sesame"}),
    ):
        visitor = Visitor(secretive.url)
        answer = enter(visitor)
        assert answer.status_code == 303
        assert "sesame" not in answer.headers["location"]
        assert "sesame" not in str(visitor.http.cookies)
        assert visitor.http.get("/").status_code == 200
        assert visitor.ask("echo", "hello") == "hello"


def test_behind_a_proxy_with_tls(secretive: Any) -> None:
    proxied = {
        "host": "talk.example", "x-forwarded-proto": "https", "x-forwarded-host": "talk.example",
        "origin": "https://talk.example", "authorization": "Bearer open sesame",
    }  # fmt: skip
    answer = httpx.get(secretive.url, headers=proxied, trust_env=False)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]
    assert "https://talk.example" in answer.text  # the page asks the proxy, not this port
    foreign = proxied | {"origin": "https://elsewhere.example"}
    assert httpx.get(secretive.url, headers=foreign, trust_env=False).status_code == 403


def test_a_wrong_secret_waits(secretive: Any) -> None:
    visitor = Visitor(secretive.url)
    for attempt in (
        lambda: visitor.http.get("/?secret=open"),
        lambda: visitor.http.post("/secret", data={"secret": "open sesame "}),
        lambda: visitor.http.get("/config", headers={"authorization": b"Bearer \xe9"}),
    ):
        start = time.monotonic()
        assert attempt().status_code == 401
        assert time.monotonic() - start > 0.9
    assert (
        visitor.http.get(
            "/", cookies={f"talkgen_secret_{secretive.settings.port}": "0" * 64}
        ).status_code
        == 401
    )
    assert "This is not the secret" in visitor.http.get("/?secret=open").text


def test_passwords_let_in_and_make_another_visitor() -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AuthenticationError

    with small(auth=(("ann", "pass word"), ("bo", "b:c"))) as running:
        visitor = Visitor(running.url)
        assert visitor.call("who").status_code == 401
        assert visitor.http.get(f"{API}/info").status_code == 401
        start = time.monotonic()
        wrong = visitor.http.post("/login", data={"username": "ann", "password": "b:c"})
        assert wrong.status_code == 400
        assert time.monotonic() - start > 0.9
        names = []
        for user in running.settings.auth:
            login = {"username": user[0], "password": user[1]}
            assert visitor.http.post("/login", data=login).status_code == 200
            names.append(visitor.ask("who"))
            visitor.http.get("/logout")
            assert visitor.call("who").status_code == 401
        assert names[0] != names[1]
        client = Client(running.url, auth=("ann", "pass word"), verbose=False)
        assert re.fullmatch(r"[0-9a-f]{32}", client.predict(api_name="/who"))
        with pytest.raises((AuthenticationError, ValueError)):
            Client(running.url, auth=("ann", "no"), verbose=False)


def test_gradios_client_is_one_visitor(server: Any, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    mine, other = (Client(server.url, verbose=False, download_files=tmp_path) for _ in range(2))
    assert mine.predict(api_name="/who") == mine.predict(api_name="/who")
    assert mine.predict(api_name="/who") != other.predict(api_name="/who")
    assert mine.predict(handle_file(SPEECH), api_name="/sound").startswith("sound speech.flac")
    made = mine.predict("hello", api_name="/make")
    assert Path(made).read_text() == "hello"
