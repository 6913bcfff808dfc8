import ast
from collections.abc import Iterator

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
SHORT_FUNCTION = 25
SHORT_SHARE = 0.9
MOST_PARAMETERS = 6
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools_common", "shared_utils"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(modules) -> Iterator[tuple[str, Function]]:
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                yield f"{module.path}:{node.lineno} {node.name}", node


def length(node: Function) -> int:
    """Lines of a function, without its docstring."""
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= node.body[0].end_lineno - node.body[0].lineno + 1
    return lines


def parameters(node: Function) -> int:
    """Parameters of a function, without self or cls."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    bound = bool(every) and every[0].arg in {"self", "cls"}
    return len(every) - bound


def test_no_file_is_long(modules):
    found = [str(m.path) for m in modules if m.lines >= LONGEST_FILE]
    assert not found, "\n".join(found)


def test_no_function_is_long(modules):
    long = [where for where, node in functions(modules) if length(node) > LONGEST_FUNCTION]
    assert not long, "\n".join(long)


def test_nine_functions_in_ten_are_short(modules):
    lengths = [length(node) for _, node in functions(modules)]
    short = sum(lines < SHORT_FUNCTION for lines in lengths)
    assert short >= SHORT_SHARE * len(lengths)


def test_no_function_takes_many_parameters(modules):
    wide = [where for where, node in functions(modules) if parameters(node) > MOST_PARAMETERS]
    assert not wide, "\n".join(wide)


def test_there_is_no_drawer_for_everything(modules):
    found = [str(m.path) for m in modules if DRAWERS & set(m.name.split("."))]
    assert not found, "\n".join(found)


def test_every_module_says_what_it_is(modules):
    found = [str(m.path) for m in modules if not ast.get_docstring(m.tree)]
    assert not found, "\n".join(found)


def test_nothing_is_swallowed(modules):
    """`except Exception: pass` hides what went wrong from everybody."""
    silent = [
        f"{module.path}:{node.lineno}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and all(isinstance(inner, ast.Pass) for inner in node.body)
    ]
    assert not silent, "\n".join(silent)


def test_the_measures_measure():
    tree = ast.parse(
        "class A:\n    def f(self, a, b, *, c):\n        '''One.\n\n        Two.\n        '''\n        return a\n"
    )
    [node] = [node for node in ast.walk(tree) if isinstance(node, Function)]
    assert (length(node), parameters(node)) == (2, 3)
