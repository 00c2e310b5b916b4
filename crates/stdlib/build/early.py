"""Prints which functions of the library a start runs: the contents of early.txt.

    naja crates/stdlib/build/early.py > crates/stdlib/build/early.txt

A code object's size tells whether its body has been read (vm/src/objects/code/lazy.rs).
"""

import sys

function = type(lambda: 0)


def functions(start):
    """All functions that can be reached from the objects given."""
    import gc
    seen, todo, found = set(), [*start, *gc.get_objects()], []
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if type(item) is function:
            found.append(item)
        todo.extend(gc.get_referents(item))
    return found


def main():
    modules = list(sys.modules.values())
    unread = (lambda: 0).__code__.__sizeof__.__self__.__class__.__basicsize__ + 16
    paths = {}
    for module in modules:
        file = getattr(getattr(module, '__spec__', None), 'origin', None)
        code_of = getattr(module, '__file__', None) or file
        if not code_of or module.__name__ == '__main__':
            continue
        path = code_of.rpartition('/lib/python3.14/')[2]
        if path == 'frozen':
            path = module.__name__.replace('_frozen_importlib_external', 'importlib._bootstrap_external')
            path = path.replace('_frozen_importlib', 'importlib._bootstrap').replace('.', '/') + '.py'
        if path.endswith('.py'):
            paths.setdefault(path, set())
    for item in functions(modules):
        code = item.__code__
        path = code.co_filename.rpartition('/lib/python3.14/')[2]
        if path.startswith('<frozen '):
            path = path[8:-1].replace('.', '/') + '.py'
        if path in paths and code.__sizeof__() > unread:
            paths[path].add(code.co_qualname)
    for path, names in paths.items():
        print(path, *sorted(name for name in names if '<' not in name))


main()
