"""One readable file that answers without this project: the definitions that a module reaches, joined.

What prepares a model's inputs in training and what prepares them in an export are then the same source. `write_answer_script`
follows the names that a module uses to their definitions in other modules of this project, and writes these into one file, module
by module. To be followed, modules keep to a few rules; `write_answer_script` refuses what breaks them:

- They import other modules of this project at the top, by `from module import name`.
- They use no other packages than `ALLOWED_PACKAGES`, at the top or within functions.
- No two definitions that are needed have the same name.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from utils.common.files import write_atomically

ROOT = Path(__file__).parents[2]
ALLOWED_PACKAGES = ("numpy", "onnxruntime", "regex", "snowballstemmer", "tokenizers")
"""What a file that stands alone may import beside the standard library."""
PROJECT = ("components", "models", "utils")
TEMPLATE = '''#!/usr/bin/env python3
"""{docstring}
"""

# Written by QKV Zoo (utils/training/standalone.py). A line with --- names the module that the definitions below it come from.

from __future__ import annotations

{imports}

{definitions}


if __name__ == "__main__":
    main()
'''


@dataclass
class Module:
    """A module of this project.

    Args:
        docstring: the docstring, as the file has it.
        definitions: name to its definition as the file has it, with the comments above and the docstring below.
        uses: name of a definition to the names in it.
        imports: name that comes from another package to `(package, name there or "")`.
        sources: name that comes from another module of this project to that module.
    """

    docstring: str
    definitions: dict[str, str] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


def write_answer_script(module_name: str, path: Path) -> list[str]:
    """Write one file with all definitions of a module and what they reach.

    Args:
        module_name: dotted name, such as `utils.squad.standalone`. Its docstring becomes that of the file, and its function `main`
            runs when the file is run.
        path: the file to write.

    Returns:
        the packages that the file needs, in alphabetical order.

    Raises:
        ValueError: something that is needed breaks the rules above.
    """
    needed_names: dict[str, set[str]] = {}
    for name in read_module(module_name).definitions:
        _add_needed(module_name, name, needed_names)
    modules = [name for name in _in_order_of_imports(module_name, {}) if name in needed_names]
    definitions, owners = [], {}
    for module in modules:
        source = read_module(module)
        definitions.append(f"# --- {module.replace('.', '/')}.py ".ljust(120, "-"))
        for name, text in source.definitions.items():
            if name in needed_names[module]:
                if owners.setdefault(name, module) != module:
                    raise ValueError(f"{owners[name]} and {module} both define {name}: rename one")
                definitions.append(text)
    script = TEMPLATE.format(
        docstring=read_module(module_name).docstring.strip(),
        imports=_import_lines(needed_names),
        definitions=_spaced(definitions),
    )
    packages = _packages(script)
    write_atomically(path, script)
    path.chmod(0o755)
    return packages


@cache
def read_module(name: str) -> Module:
    """Parse a module of this project."""
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    source = path.read_text(encoding="utf-8")
    lines, tree = source.splitlines(), ast.parse(source)
    module = Module(ast.get_docstring(tree, clean=False) or "")
    previous = None
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            module.imports |= {alias.asname or alias.name: (alias.name, "") for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            _note_import(module, name, statement)
        elif _is_text(statement):
            if previous:  # the docstring of a constant
                module.definitions[previous] += "\n" + ast.get_source_segment(source, statement)
        elif names := _defined_names(statement):
            previous = names[0]
            module.definitions[previous] = _text(lines, statement)
            module.uses[previous] = _names(statement)
    return module


def _note_import(module: Module, name: str, statement: ast.ImportFrom) -> None:
    if statement.module == "__future__":
        return
    for alias in statement.names:
        if statement.module.split(".")[0] not in PROJECT:
            module.imports[alias.asname or alias.name] = (statement.module, alias.name)
        elif alias.asname:
            raise ValueError(f"{name}: imports {alias.name} under another name, so that it cannot be joined")
        else:
            module.sources[alias.name] = statement.module


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _defined_names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _text(lines: list[str], statement: ast.stmt) -> str:
    """The lines of a statement, with its decorators and the comments right above it."""
    first = min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", ()))]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : statement.end_lineno])


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _add_needed(module_name: str, name: str, needed_names: dict[str, set[str]]) -> None:
    """Add a name's definition to those that are needed, and those that it uses."""
    module = read_module(module_name)
    if name in module.sources:
        source = module.sources[name]
        if name not in read_module(source).definitions.keys() | read_module(source).sources.keys():
            raise ValueError(f"{module_name}: imports {name} from {source}, which does not define it")
        _add_needed(source, name, needed_names)
    elif name in module.definitions and name not in needed_names.setdefault(module_name, set()):
        needed_names[module_name].add(name)
        for used in module.uses[name]:
            _add_needed(module_name, used, needed_names)


def _in_order_of_imports(module_name: str, seen: dict[str, None]) -> list[str]:
    """A module and those that it imports, each behind those that it imports itself."""
    for source in read_module(module_name).sources.values():
        if source not in seen:
            _in_order_of_imports(source, seen)
    seen[module_name] = None
    return list(seen)


def _spaced(definitions: list[str]) -> str:
    """The definitions with two empty lines between them, but none between constants."""
    text, previous = "", ""
    for definition in definitions:
        is_constant = not re.match(r"#|@|def |class ", definition)
        text += ("\n" if is_constant and previous == "constant" else "\n\n\n") + definition
        previous = "constant" if is_constant else ""
    return text.strip()


def _import_lines(needed_names: dict[str, set[str]]) -> str:
    """The import statements of all that is needed, standard library first."""
    statements: dict[str, set[str]] = {}
    for module_name, names in needed_names.items():
        module = read_module(module_name)
        used = set().union(*(module.uses[name] for name in names))
        for name in used & module.imports.keys():
            package, original = module.imports[name]
            if original:
                statements.setdefault(package, set()).add(original if original == name else f"{original} as {name}")
            else:
                statements.setdefault(f"import {package}" + (f" as {name}" if name != package else ""), set())
    lines = [
        f"from {start} import {', '.join(sorted(names))}" if names else start for start, names in statements.items()
    ]
    lines.sort(key=lambda line: (line.startswith("from"), line.lower()))
    groups = [
        [line for line in lines if (_package(line) in sys.stdlib_module_names) == is_standard]
        for is_standard in (True, False)
    ]
    return "\n\n".join("\n".join(group) for group in groups if group)


def _package(import_line: str) -> str:
    return re.split(r"[ .]", import_line)[1]


def _packages(script: str) -> list[str]:
    """The packages that a script imports, anywhere in it."""
    packages = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            packages |= {name.split(".")[0] for name in names}
    packages -= sys.stdlib_module_names
    if wrong := sorted(packages - set(ALLOWED_PACKAGES)):
        raise ValueError(f"a file that stands alone would import {', '.join(wrong)}")
    return sorted(packages)
