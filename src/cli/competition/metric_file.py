"""Reads a metric's source from standard input without running it; says what is wrong with it as one line of JSON."""

import ast
import json
import sys


def fault(source, params):
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return error.lineno, f"Python cannot read it: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return None, f"Python cannot read it: {type(error).__name__}"
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "score"]
    if not found:
        return None, "it defines no function `score(solution, submission, row_id_column_name)`"
    score = found[-1]
    arguments = score.args
    places = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    if len(places) < 3 and not arguments.vararg:
        return score.lineno, "`score` must take solution, submission and row_id_column_name, in this order"
    by_name = {argument.arg for argument in arguments.args[max(0, 3 - len(arguments.posonlyargs)) :]}
    by_name |= {argument.arg for argument in arguments.kwonlyargs}
    unknown = sorted(params - by_name)
    if unknown and not arguments.kwarg:
        return score.lineno, f"`score` does not take `{unknown[0]}`, which is in [metric.params]"
    defaults = len(arguments.defaults)
    needed = set(places[3 : len(places) - defaults])
    needed |= {argument.arg for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults) if not default}
    missing = sorted(needed - params)
    if missing:
        return score.lineno, f"`score` needs `{missing[0]}`, which is not in [metric.params]"
    return None


found = fault(sys.stdin.buffer.read(), set(json.loads(sys.argv[1])))
print(json.dumps(found and {"line": found[0], "message": found[1]}))
