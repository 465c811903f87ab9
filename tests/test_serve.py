"""What the server shows of a folder: the index, the pages, how stores stand, and what is wrong with some."""

import html
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import groklab as gl
from groklab.report import page as page_module
from groklab.serve import site
from serving import SECRET, Growing, Served, grown, mixed, served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed(tmp_path_factory.mktemp("above"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder) as one:
        yield one


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def test_the_index_has_a_row_a_store_and_each_links_to_its_page(server: Served) -> None:
    before = tree(server.root)
    found = server.ask("/")
    assert (found.status, found.headers["content-type"]) == (200, "text/html; charset=utf-8")
    text = found.body.decode()
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr><td.*?</tr>", text)]
    rows = [[html.unescape(cell).strip() for cell in row.split("|") if cell.strip()] for row in rows]
    by_place = {row[-1]: row[:-1] for row in rows}
    assert by_place.keys() == {
        *("paper/one", "inside", "mit Ümlaut & <b>", "kept.zip"),
        *("other.zip", "damaged", "newer", "leads-out"),
    }
    when = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
    for place, (study, ended, scale) in {
        "paper/one": ("fake/small", "2 of 3", "laptop"),
        "inside": ("fake/small", "2 of 3", "laptop"),
        "mit Ümlaut & <b>": ("mine/<sizes>", "3 of 3", "paper"),
        "kept.zip": ("mine/<sizes>", "3 of 3", "paper"),
    }.items():
        assert [*by_place[place][:2], by_place[place][3]] == [study, ended, scale]
        assert when.fullmatch(by_place[place][2])
    for place, words in {
        "other.zip": "other.zip is no kept result",
        "damaged": "the store damaged is damaged",
        "newer": "newer: this store has format 99",
        "leads-out": "leads-out is not served: batches in it is a link",
    }.items():
        assert len(by_place[place]) == 1
        assert by_place[place][0].startswith(words)
    assert str(server.root.parent) not in text
    assert SECRET not in text
    links = [html.unescape(link) for link in re.findall(r'<a href="([^"]+)"', text)]
    assert len(links) == 4
    for link in links:
        assert server.ask(f"/{link}", "HEAD").status == 200
    assert tree(server.root) == before


def test_a_store_s_page_is_the_report_s_and_what_follows_it(server: Served) -> None:
    found = server.ask("/paper/one/")
    text, policy = found.body.decode(), found.headers["content-security-policy"]
    assert found.status == 200
    assert len(found.body) == int(found.headers["content-length"])
    meta = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert meta is not None
    assert "connect-src 'self'" in html.unescape(meta[1])
    assert policy.startswith(html.unescape(meta[1]))
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert '<a href="../../">all stores</a>' in text
    record = gl.open(server.root / "paper" / "one")
    wanted = page_module.page([record])
    added = text.replace(meta[1], wanted.partition('Content-Security-Policy" content="')[2].partition('"')[0])
    added = re.sub(r'<meta name="groklab-version".*?</style>\n', "", added, flags=re.DOTALL)
    added = re.sub(r'<aside class="live".*?</aside>\n<script>.*?</script>\n', "", added, flags=re.DOTALL)
    assert added == wanted


def test_versions_and_pages_have_tags_and_are_not_sent_twice(server: Served) -> None:
    version = server.ask("/paper/one/version")
    about = version.json
    assert about | {"version": "", "committed": ""} == {
        "version": "", "committed": "", "runs": 3, "ended": 2, "problem": "",
    }  # fmt: skip
    assert time.time() - time.mktime(time.strptime(about["committed"][:19], "%Y-%m-%dT%H:%M:%S")) < 1e6
    for path, answer in (("/paper/one/version", version), ("/paper/one/", server.ask("/paper/one/"))):
        tag = answer.headers["etag"]
        again = server.ask(path, If_None_Match=f'"x", W/{tag}')
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert server.ask(path, If_None_Match='"x"').status == 200
        head = server.ask(path, "HEAD")
        assert head.body == b""
        assert {**head.headers, "date": ""} == {**answer.headers, "date": ""}
    page = server.ask("/paper/one/").body.decode()
    assert f'<meta name="groklab-version" content="{about["version"]}">' in page
    whole = server.ask("/version").json
    assert (whole["runs"], whole["ended"]) == (12, 10)


def test_a_store_that_cannot_be_read_says_so_and_harms_no_other(server: Served) -> None:
    for place, words in {
        "damaged": "is damaged",
        "newer": "format 99",
        "leads-out": "link",
        "other.zip": "no kept",
    }.items():
        found = server.ask(f"/{place}/")
        assert found.status == 500
        assert words in found.line
        assert str(server.root.parent) not in found.line
        about = server.ask(f"/{place}/version").json
        assert words in about["problem"]
    assert server.ask("/kept.zip/").status == 200


def test_a_place_without_its_slash_leads_to_its_page(server: Served) -> None:
    for place, wanted in {"/paper/one": "/paper/one/", "/mit%20%C3%9Cmlaut%20%26%20%3Cb%3E": None}.items():
        found = server.ask(place)
        assert (found.status, found.headers["location"]) == (307, wanted or f"{place}/")
        assert server.ask(found.headers["location"], "HEAD").status == 200


def test_a_page_that_cannot_be_drawn_is_one_line_to_the_client(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page_module, "page", lambda records: 1 / 0)
    with served(folder) as server:
        found = server.ask("/kept.zip/")
        assert (found.status, found.line) == (500, "the page could not be drawn; the server's terminal says why")
        assert (
            server.ask("/kept.zip/version").json["problem"]
            == "the page could not be drawn; the server's terminal says why"
        )
        assert server.ask("/").status == 200
        monkeypatch.setattr(site.Site, "names", lambda self: 1 / 0)
        found = server.ask("/")
        assert (found.status, found.line) == (500, "the server made a mistake; its terminal says which")
    err = capfd.readouterr().err
    assert err.count("ZeroDivisionError: division by zero") == 2
    assert "Traceback" in err


def test_a_single_store_is_at_the_root(folder: Path) -> None:
    for place in ("paper/one", "kept.zip", "inside"):
        with served(folder / place) as server:
            text = server.ask("/").body.decode()
            assert "fake/small" in text or "mine/&lt;sizes&gt;" in text
            assert "all stores" not in text
            assert server.ask("/version").json["runs"] == 3
            assert server.ask("/paper/one/").status == 404
    with served(folder / "kept.zip") as server:
        assert server.ask("/../other.zip/").status == 404


def test_a_store_that_comes_goes_and_is_mended(tmp_path: Path) -> None:
    grown(tmp_path / "one")
    with served(tmp_path) as server:
        assert server.ask("/version").json["runs"] == 3
        first = server.ask("/one/version").json
        reference = tmp_path / "one" / "study" / "refs" / "branch.main" / "ref.json"
        kept = reference.read_bytes()
        reference.write_bytes(kept[:5])
        Growing(tmp_path / "two").close()

        def until(path: str, wanted) -> None:
            end = time.monotonic() + 20
            while not wanted(server.ask(path)):
                assert time.monotonic() < end, server.ask(path)
                time.sleep(0.2)

        until("/one/version", lambda found: found.json["problem"])
        until("/two/version", lambda found: found.status == 200)
        two = server.ask("/two/version").json
        assert (two["runs"], two["ended"], two["problem"]) == (3, 0, "")
        assert server.ask("/two/").status == 200
        reference.write_bytes(kept)
        until("/one/version", lambda found: found.json == first)
        shutil.rmtree(tmp_path / "two")
        until("/two/version", lambda found: found.status == 404)
        shutil.rmtree(tmp_path / "one")
        until("/", lambda found: b"no store and no kept result" in found.body)
