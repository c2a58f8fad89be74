"""The page in a real browser, and its HTTP API, with small models."""

import contextlib
import importlib.util
import json
import re
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.helpers.browser import browser_path, chromium, set_size
from tests.helpers.page_runs import ANSWERS, QUESTION, SENTENCES, TEXT, page_runs

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="Gradio is not installed: pip install -r requirements-app.txt"
)

HOSTILE = "<img src=x onerror=\"document.title='attacked'\"><script>document.title='attacked'</script>"
TABS = ("squad", "memnet", "tracing", "vectors", "ranking")
PATIENCE = 60
"""Seconds that the page may take."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of the page, and its tabs by task."""
    import uvicorn

    import app

    runs = page_runs(tmp_path_factory.mktemp("runs"))
    tabs = app.make_tabs(app.Config(**{task: str(run) for task, run in runs.items()}))
    application, listener = app.make_application(tabs, rate=0), app.bound_socket("127.0.0.1", 0)
    app.load_models(tabs)
    web_server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=web_server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", {tab.name: tab for tab in tabs}
    web_server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    """A browser that has opened the page."""
    pytest.importorskip("selenium", reason="selenium is not installed: pip install selenium")
    if browser_path() is None:
        pytest.skip("no browser: apt install chromium chromium-driver")
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(server[0])
        yield driver


def element(browser, selector):
    """The first visible element, once there is one."""
    return wait(lambda: element_now(browser, selector), f"no {selector}")


def element_now(browser, selector):
    """The first visible element, or None."""
    return next((e for e in browser.find_elements("css selector", selector) if e.is_displayed()), None)


def wait(condition, problem):
    """The first true value of a condition."""
    from selenium.common.exceptions import StaleElementReferenceException

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(StaleElementReferenceException):
            value = condition()
            if value:
                return value
        time.sleep(0.05)
    pytest.fail(problem)


def open_tab(browser, name):
    element(browser, f"#tab-{name}-button").click()


def texts(browser, selector):
    """The texts of all elements."""
    script = "return [...document.querySelectorAll(arguments[0])].map(element => (element.innerText ?? '').trim())"
    return browser.execute_script(script, selector)


def write(browser, box, text):
    """Write in a text box in the place of what is there."""
    from selenium.webdriver.common.keys import Keys

    element(browser, f"#{box} textarea, #{box} input").send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE, text)


def shown_text(browser, tab):
    """The text of a tab's result, without the ranks that stand in it."""
    script = """
        const copy = document.querySelector(arguments[0]).cloneNode(true);
        copy.querySelectorAll("sup").forEach(element => element.remove());
        return copy.textContent"""
    return browser.execute_script(script, f"#{tab}-result")


def wait_for_rows(browser, selector, expected):
    wait(lambda: texts(browser, selector) == expected, f"{selector}: not {expected}, but {texts(browser, selector)}")


def test_squad_answers_in_the_text(browser, server):
    tab = server[1]["squad"]
    for question, text in ((QUESTION, TEXT), ("When?", "It was in 1843. It was not in 1844 or later.")):
        if question != QUESTION:  # the page opens with the example
            write(browser, "squad-question", question)
            write(browser, "squad-text", text)
            element(browser, "#squad-ask").click()
        answers = tab.answer(question, text)["answers"]
        cells = [f"{entry['probability']:.3f}" for entry in answers]
        wait_for_rows(browser, "#squad-result .qkv-answers td:nth-child(2)", [entry["text"] for entry in answers])
        wait_for_rows(browser, "#squad-result .qkv-answers td:last-child", cells)
        best = element(browser, "#squad-result mark.qkv-best")
        assert best.text == answers[0]["text"] + "1"  # with its rank


def test_memnet_answers_from_facts_that_are_added(browser, server):
    open_tab(browser, "memnet")
    question = "Where was Ada Holt born?"
    wait_for_rows(browser, "#memnet-result .qkv-facts td:nth-child(3)", ["Arnwick"])
    element(browser, "#memnet-others input").click()
    wait(lambda: texts(browser, "#memnet-others li"), "no questions")
    element(browser, "#memnet-others li:nth-child(2)").click()
    wait_for_rows(browser, "#memnet-result .qkv-facts td:nth-child(3)", ["Skel"])
    assert (
        element(browser, "#memnet-question textarea, #memnet-question input").get_attribute("value")
        == "Where was Bo Lind born?"
    )
    write(browser, "memnet-question", question)
    write(browser, "memnet-facts", "Ada Holt / born_in / Elsewhere\nAda Holt / occupation / painter")
    element(browser, "#memnet-ask").click()
    facts = server[1]["memnet"].answer(question, "Ada Holt / born_in / Elsewhere\nAda Holt / occupation / painter")[
        "facts"
    ]
    objects = [fact["object"] + (" yours" if fact["is_added"] else "") for fact in facts]
    assert "Elsewhere yours" in objects
    wait_for_rows(browser, "#memnet-result .qkv-facts td:nth-child(3)", objects)
    wait_for_rows(browser, "#memnet-result .qkv-facts td:last-child", [f"{fact['weight']:.3f}" for fact in facts])
    write(browser, "memnet-facts", "no fact")
    element(browser, "#memnet-ask").click()
    wait(lambda: "facts, line 1: a field is missing" in element(browser, "#memnet-result").text, "no message")


def test_tracing_follows_the_clicks(browser, server):
    open_tab(browser, "tracing")
    responses = "q1: 2\nq2: 0\nq1: 1"
    count = "#tracing-result .qkv-chart circle"
    wait(lambda: len(texts(browser, count)) == 4, "no curve of three responses")
    first_item = element(browser, "#tracing-item input").get_attribute("value")
    choices = wait(lambda: browser.find_elements("css selector", "#tracing-response label"), "no categories")
    assert [choice.text for choice in choices] == ["0", "1", "2"]
    choices[2].click()
    wait(lambda: len(texts(browser, count)) == 5, "the response is not drawn")
    box = element(browser, "#tracing-responses textarea")
    responses = f"{responses}\n{first_item}: 2"
    assert box.get_attribute("value") == responses
    item = element(browser, "#tracing-item input").get_attribute("value")
    result = server[1]["tracing"].answer(responses, item)
    assert (
        f"{result['abilities'][-1]:.2f} ± {result['ability_errors'][-1]:.2f}"
        in element(browser, "#tracing-result").text
    )
    assert texts(browser, "#tracing-result .qkv-categories td:last-child") == [
        f"{probability:.3f}" for probability in result["probabilities"]
    ]
    element(browser, "#tracing-undo").click()
    wait(lambda: len(texts(browser, count)) == 4, "the response is not taken back")
    element(browser, "#tracing-clear").click()
    wait(lambda: len(texts(browser, count)) == 1, "no new student")
    assert box.get_attribute("value") == ""


def test_vectors_ranks_the_next_sentence(browser, server):
    open_tab(browser, "vectors")
    wait(lambda: texts(browser, "#vectors-result .qkv-context td:nth-child(2)"), "no context")
    write(browser, "vectors-sentence", "3\t")
    wait_for_rows(browser, "#vectors-result .qkv-context td:nth-child(2)", SENTENCES[2::-1])
    result = server[1]["vectors"].answer(3)
    weights = [f"{entry['influence']:.3f}" for entry in reversed(result["context"])]
    assert texts(browser, "#vectors-result .qkv-context td:nth-child(3)") == weights
    weights = [f"{entry['attention']:.3f}" for entry in reversed(result["context"])]
    assert texts(browser, "#vectors-result .qkv-context td:last-child") == weights
    ranked = [entry["text"] + (" next" if entry["sentence"] == 4 else "") for entry in result["ranked"]]
    assert texts(browser, "#vectors-result .qkv-sentences td:nth-child(2)") == ranked


def test_ranking_stands_beside_bm25(browser, server):
    open_tab(browser, "ranking")
    wait(lambda: len(texts(browser, "#ranking-result .qkv-ranking td:first-child")) == len(ANSWERS), "no ranking")
    collection = "The bridge was built of stone.\nNobody knows."
    write(browser, "ranking-texts", collection)
    element(browser, "#ranking-ask").click()
    ranked = server[1]["ranking"].answer(QUESTION, collection)["ranked"]
    wait_for_rows(browser, "#ranking-result .qkv-ranking td:nth-child(2)", [entry["text"] for entry in ranked])
    assert texts(browser, "#ranking-result .qkv-ranking td:nth-child(3)") == [
        f"{entry['score']:.3f}" for entry in ranked
    ]
    bm25 = texts(browser, "#ranking-result .qkv-ranking td:last-child")
    assert sorted(bm25) == ["0.70 (1)", "no word"] or "no word" in bm25


def test_hostile_text_is_shown_as_text(browser):
    for tab, boxes, button in (
        ("squad", {"squad-question": "<b>Who</b>?", "squad-text": HOSTILE}, "squad-ask"),
        (
            "memnet",
            {"memnet-question": HOSTILE, "memnet-facts": f"a / b / {HOSTILE} ${{alert(1)}} {{{{x}}}}"},
            "memnet-ask",
        ),
        ("ranking", {"ranking-question": HOSTILE, "ranking-texts": f"{HOSTILE} ${{alert(1)}}"}, "ranking-ask"),
    ):
        open_tab(browser, tab)
        for box, text in boxes.items():
            write(browser, box, text)
        element(browser, f"#{button}").click()
        wait(lambda tab=tab: HOSTILE in shown_text(browser, tab), f"{tab}: the text is not shown")
        assert browser.find_elements("css selector", f"#{tab}-result img, #{tab}-result script") == []
    open_tab(browser, "tracing")
    write(browser, "tracing-responses", f"{HOSTILE}: 1\t")
    wait(lambda: HOSTILE in shown_text(browser, "tracing"), "tracing: the text is not shown")
    assert browser.find_elements("css selector", "#tracing-result img, #tracing-result script") == []
    assert browser.title == "QKV Zoo"


def test_a_phone_shows_all_tabs_without_scrolling_sideways(browser):
    set_size(browser, 390, 800)
    try:
        time.sleep(0.3)  # the page lays out its tabs again
        for name in TABS:
            open_tab(browser, name)  # fails for a tab in a menu
            wait(lambda name=name: element_now(browser, f"#{name}-result"), f"{name}: no result")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, name
            for table in browser.find_elements("css selector", f"#{name}-result table, #{name}-result svg"):
                assert table.rect["x"] + table.rect["width"] <= 390, name
    finally:
        set_size(browser, 1280, 900)


def test_the_page_asks_no_other_server(browser, server):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    urls = [url for url in urls if not url.startswith(("chrome", "data:", "blob:"))]
    assert len(urls) > 10 and [url for url in urls if not url.startswith(server[0])] == []


def post(address, path, content):
    """Status and JSON of the answer to a request."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(f"{address}/gradio_api/{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        body = error.read().decode()
        return error.code, json.loads(body) if body.startswith("{") else {"error": body}


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        ("squad", (QUESTION, TEXT, 3)),
        ("memnet", ("Where was Ada Holt born?", "Ada Holt / born_in / Elsewhere", 2)),
        ("tracing", ("q1: 2\nq3: 0", "q2")),
        ("vectors", (4, "", 3)),
        ("ranking", (QUESTION, "", 2)),
    ],
)
def test_the_api_answers_like_the_page(server, task, arguments):
    address, tabs = server
    status, answer = post(address, f"run/{task}", {"data": arguments})
    assert status == 200 and answer["data"] == [json.loads(json.dumps(tabs[task].answer(*arguments)))]


def test_the_api_takes_named_arguments_through_the_queue(server):
    address, tabs = server
    status, answer = post(address, "call/v2/squad", {"question": QUESTION, "context": TEXT})
    assert status == 200
    with urllib.request.urlopen(f"{address}/gradio_api/call/squad/{answer['event_id']}", timeout=PATIENCE) as response:
        events = response.read().decode()
    (data,) = re.findall(r"^event: complete\ndata: (.*)$", events, re.MULTILINE)
    assert json.loads(data) == [tabs["squad"].answer(QUESTION, TEXT)]


@pytest.mark.parametrize(
    ("path", "content", "status", "line"),
    [
        ("run/squad", {"data": [5, "text", 1]}, 400, "question: must be text, and is int"),
        ("run/squad", {"data": ["\ud800", "text", 1]}, 400, "question: holds half a character"),
        ("run/squad", {"data": ["a" * 501, "text", 1]}, 400, "question: has 501 characters"),
        ("run/squad", {"data": ["\x00", "\x00\x1b", "3"]}, 400, "count: must be a whole number"),
        ("run/squad", {"data": ["a"]}, 422, '"data" must be a list of 3 values'),
        ("run/vectors", {"data": [float("inf"), "", 1]}, 400, "sentence: must be a whole number"),
        ("run/tracing", {"data": ["q1: 7", "q1"]}, 400, "category 7 must be 0 to 2"),
        ("run/nothing", {"data": []}, 404, "no endpoint of that name"),
        ("run/squad", b"[" * 10**6, 400, "no JSON"),
        ("run/squad", b"x" * 10**7, 413, "larger than"),
        ("queue/join", {"fn_index": 999, "data": [], "session_hash": "a"}, 500, "Internal Server Error"),
        ("upload", {"files": []}, 404, "no such address"),
    ],
)
def test_wrong_requests_get_one_line(server, path, content, status, line):
    answer_status, answer = post(server[0], path, content)
    assert answer_status == status
    assert line in answer.get("error", answer.get("detail", "")) and "\n" not in str(answer.get("error", ""))


def test_no_file_is_served(server):
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=app.py",
        "/static/../../app.py",
        "/assets/..%2f..%2fapp.py",
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server[0] + path, timeout=PATIENCE)
        assert caught.value.code in (403, 404), path


def test_a_port_in_use_is_named(server):
    import app
    from utils.common.errors import UserError

    with pytest.raises(UserError, match=r"cannot be served at .*; name another --port"):
        app.bound_socket("127.0.0.1", int(server[0].rpartition(":")[2]))
