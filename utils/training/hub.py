"""Publish a finished run in `zoo/`, and share published models on the Hugging Face Hub.

    python -m utils.training.hub publish runs/squad squad-mine
    python -m utils.training.hub publish runs/squad squad-mine -- --test-files dev-v1.1.json
    python -m utils.training.hub push squad-mine owner/name
    python -m utils.training.hub pull owner/name --to runs/theirs

`publish` stores the weights small, scores them again with `evaluate.py` and writes a model card; what follows `--` goes to
`evaluate.py`. `push` uploads a published model; publish a run of your own first. `pull` downloads one. `hf://owner/name` in the
place of a run downloads it by itself.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from utils.common.errors import UserError
from utils.common.references import EXAMPLES, PUBLISHED_FILES, download, model_folder, reason_of
from utils.training.finished import read_run
from utils.training.run import disk_message
from utils.training.zoo import publish_run


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    split = arguments.index("--") if "--" in arguments else len(arguments)
    settings, options = _parser().parse_args(arguments[:split]), arguments[split + 1 :]
    try:
        if options and settings.command != "publish":
            raise UserError(f"{options[0]}: only publish hands arguments to evaluate.py; leave out what follows --")
        if settings.command == "publish":
            folder = publish_run(
                settings.run,
                settings.name,
                replace=settings.replace,
                scored=not settings.unscored,
                facts=settings.facts,
                limit=settings.limit,
                options=options,
            )
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            print(f"{folder}: {size:,} bytes; use it as {settings.name!r} wherever a run is named")
        elif settings.command == "push":
            push_model(settings.name, settings.repository, settings.private)
        else:
            pull_model(settings.repository, settings.to)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except OSError as error:
        message = disk_message(error, has_resume=False)
        if not message:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    publish = commands.add_parser("publish", help="make a published model of a finished run")
    publish.add_argument("run", help="run directory")
    publish.add_argument("name", help="name of the published model, such as squad-mine")
    publish.add_argument("--replace", action="store_true", help="replace the published model of that name")
    publish.add_argument(
        "--unscored", action="store_true", help="store float16 and keep the run's scores; needs no data"
    )
    publish.add_argument("--facts", help="for memnet: facts to answer from, in the place of those of the training")
    publish.add_argument(
        "--limit", type=int, default=0, help="validation examples to compare sizes of weights on; 0 is all"
    )
    push = commands.add_parser("push", help="upload a published model to the Hugging Face Hub")
    push.add_argument("name", help="published model, or its folder")
    push.add_argument("repository", help="owner/name")
    push.add_argument("--private", action="store_true", help="make a new repository private")
    pull = commands.add_parser("pull", help="download a model from the Hugging Face Hub")
    pull.add_argument("repository", help="owner/name, or owner/name@revision")
    pull.add_argument("--to", type=Path, help="new folder; left out, runs/NAME")
    return parser


def push_model(name: str, repository: str, private: bool = False) -> str:
    """Upload a published model; a repository that is not there is made.

    Args:
        name: of a published model, or a folder that `publish` wrote.
        repository: `owner/name`.
        private: whether a new repository is private.

    Returns:
        the address of the upload.

    Raises:
        UserError: the folder is no published model, nobody is logged in, or the Hub refuses.
    """
    from huggingface_hub import HfApi, get_token

    folder = model_folder(name)
    read_run(folder)
    if not (folder / "README.md").is_file():
        raise UserError(
            f"{folder}: has no model card; publish it first: python -m utils.training.hub publish {name} NAME"
        )
    if get_token() is None:
        raise UserError(
            "no token of the Hugging Face Hub: run `hf auth login`, or set HF_TOKEN to a token that may write"
        )
    api = HfApi()
    patterns = [*PUBLISHED_FILES, f"{EXAMPLES}/*"]
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=patterns, commit_message=f"QKV Zoo: {folder.name}"
        )
    except Exception as error:  # the Hub's client raises many kinds, and those of the HTTP library below it
        raise UserError(
            f"{repository}: cannot be uploaded ({reason_of(error)}); check name, token and network"
        ) from None
    address = str(getattr(done, "commit_url", done))
    print(f"{folder.name} is at {address}; load it as 'hf://{repository}'")
    return address


def pull_model(repository: str, to: Path | None = None) -> Path:
    """Download a model into a folder of its own.

    Args:
        repository: `owner/name` or `owner/name@revision`.
        to: the folder, which must not exist; left out, `runs/NAME`.

    Returns:
        the folder.

    Raises:
        UserError: the folder exists, or what the Hub has cannot be used.
    """
    from utils.common.archives import read_model_file

    name = repository.removeprefix("hf://")
    to = to or Path("runs") / name.partition("@")[0].rpartition("/")[2]
    if to.exists():
        raise UserError(f"{to}: exists already; name another folder with --to")
    source = download(f"hf://{name}")
    read_run(source)
    try:
        read_model_file(source / "best.keras")
    except Exception as error:  # a damaged file gives any kind of error
        raise UserError(f"{repository}: its best.keras cannot be used ({reason_of(error)}); ask its owner") from None
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in files:
        target = to / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    print(f"{repository} is in {to}, {len(files)} files; try: python predict.py {to}")
    return to


if __name__ == "__main__":
    sys.exit(main())
