"""Compiles Python's own sources: tokens, trees, symbol tables, code, and what imports do with them."""

import ast
import dis
import importlib
import importlib.util
import inspect
import io
import marshal
import tokenize

total = 0
for name in ("argparse", "typing", "dataclasses", "inspect", "heapq", "json.decoder", "collections"):
    text = inspect.getsource(importlib.import_module(name))
    code = compile(text, name, "exec")
    total += len(marshal.loads(marshal.dumps(code)).co_names)
    if len(text) < 60000:
        tree = ast.parse(text)
        total += sum(isinstance(node, ast.Name) for node in ast.walk(tree))
        total += len(ast.unparse(tree)) > 0
        total += sum(1 for _ in dis.get_instructions(code))
        total += sum(1 for _ in tokenize.generate_tokens(io.StringIO(text).readline))
print(total > 1000)
