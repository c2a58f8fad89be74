"""A page to try all five tasks in a browser, with an HTTP API.

    pip install -r requirements-app.txt
    python app.py                                         # http://127.0.0.1:7860
    python app.py --squad runs/squad --port 8000          # a model of your own

Each tab asks one trained model: a published one, or the run that a flag names. The models are loaded in the background. One that
cannot be loaded leaves a line in its tab, and the other tabs work. docs/app.md describes the API, and docs/space.md how the page
becomes a Hugging Face Space.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError
from utils.training.run import run_script

MAX_QUEUE = 300
"""Requests that wait for their model, at most."""
STYLE = Path(__file__).parent / "utils" / "app" / "style.css"


@dataclass
class Config:
    """Which models the page asks, and where it is served."""

    # --- model
    squad: str = "squad-matching"
    """Model of the first tab: a run directory, the name of a published model, or hf://owner/name."""
    memnet: str = "memnet-people"
    """Model of the tab of facts."""
    tracing: str = "tracing-practice"
    """Model of the tab of students."""
    vectors: str = "vectors-wiki"
    """Model of the tab of articles."""
    ranking: str = "ranking-small"
    """Model of the tab of answers."""
    encoder: str = ""
    """Sentence encoder that the vectors model was trained with, a folder or a name on the Hugging Face Hub. With it, the tab of
    articles reads any article; without it, its example alone."""
    # --- output
    host: str = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    """Address to serve at. The default serves this machine alone, 0.0.0.0 everyone who can reach it."""
    port: int = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    """Port to serve at."""
    rate: int = 120
    """Requests that one client may make in a minute; 0 for any number."""


def main(config: Config) -> int:
    if not 0 <= config.port < 65536:
        raise UserError(f"--port {config.port}: must be 0 to 65535")
    if config.rate < 0:
        raise UserError(f"--rate {config.rate}: must be 0 or more")
    listener = bound_socket(config.host, config.port)
    print("the page is being made ready; this takes some seconds", file=sys.stderr)
    tabs = make_tabs(config)
    application = make_application(tabs, config.rate)
    load_models(tabs)
    host, port, *_ = listener.getsockname()
    print(f"open http://{f'[{host}]' if ':' in host else host}:{port} in a browser; Ctrl+C ends it", file=sys.stderr)
    serve(application, listener)
    return 0


def make_tabs(config: Config) -> list:
    """The tabs, whose models are not loaded yet."""
    import functools

    from utils.app import memnet, ranking, squad, tracing, vectors
    from utils.app.page_model import PageModel

    load_vectors = functools.partial(vectors.load, encoder=config.encoder)
    return [
        squad.SquadTab(PageModel("squad", config.squad, squad.load)),
        memnet.MemnetTab(PageModel("memnet", config.memnet, memnet.load)),
        tracing.TracingTab(PageModel("tracing", config.tracing, tracing.load)),
        vectors.VectorsTab(PageModel("vectors", config.vectors, load_vectors), reads_text=bool(config.encoder)),
        ranking.RankingTab(PageModel("ranking", config.ranking, ranking.load)),
    ]


def make_application(tabs: Sequence, rate: int):
    """The page with its API as an ASGI application.

    Args:
        tabs: the tabs.
        rate: requests that one client may make in a minute; 0 for any number.

    Raises:
        UserError: Gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing is sent to anyone
    try:
        import fastapi
        import gradio as gr
    except ImportError as error:
        raise UserError(f"the page needs the package {error.name}: pip install -r requirements-app.txt") from None
    from utils.app.failures import errors_as_lines
    from utils.app.guard import Guard
    from utils.app.markup import escaped

    endpoints = {tab.name: tab.answer for tab in tabs}
    with gr.Blocks(title="QKV Zoo", analytics_enabled=False) as page:
        gr.HTML("<h1>QKV Zoo</h1><p>Attention and memory models to try.</p>", elem_classes="qkv-head")
        for tab in tabs:
            with gr.Tab(tab.label, elem_id=f"tab-{tab.name}"):
                gr.HTML(f"<h2>{escaped(tab.title)}</h2><p>{escaped(tab.introduction)}</p>", elem_classes="qkv-head")
                tab.build(page)
        for tab in tabs:
            gr.api(errors_as_lines(tab.answer), api_name=tab.name, concurrency_id=tab.name)
    page.queue(max_size=MAX_QUEUE, api_open=True)  # a Space would answer no direct calls otherwise
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}  # they need no server
    application = gr.mount_gradio_app(
        fastapi.FastAPI(openapi_url=None),
        page,
        path="/",
        theme=gr.themes.Soft(**fonts),
        css_paths=STYLE,
        footer_links=["api", "settings"],
        run_history=False,
        enable_monitoring=False,
        max_file_size=1,  # no tab takes files, and the guard refuses uploads
        ssr_mode=False,
        mcp_server=False,
    )
    return Guard(application, endpoints, rate)


def load_models(tabs: Sequence) -> None:
    """Load the models in the background, one after another. Each says when it is loaded, or why it is not."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice on performance
    # Keras warns of a memory that holds a single fact, whose weight of 1 is right.
    warnings.filterwarnings("ignore", "You are using a softmax over axis")
    executor = ThreadPoolExecutor(1, "loading")
    for tab in tabs:
        tab.model.start(executor)
    executor.shutdown(wait=False)


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket at an address.

    Raises:
        UserError: the address does not exist or is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        return listener
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{host}:{port}: cannot be served at ({reason}); name another --port or --host") from None


def serve(application, listener: socket.socket) -> None:
    """Serve until the process is stopped."""
    import uvicorn

    uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=3)).run(
        sockets=[listener]
    )


if __name__ == "__main__":
    run_script(main, Config)
