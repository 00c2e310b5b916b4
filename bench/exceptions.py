"""try/except/finally, raise, nested calls that raise, with statements, StopIteration, KeyError lookups."""


class Problem(Exception):
    pass


class Context:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return True


def fail(depth):
    if depth == 0:
        raise Problem("deep")
    return fail(depth - 1)


def main(n):
    total = 0
    d = {}
    context = Context()
    for i in range(n):
        try:
            total += 1
        except ValueError:
            total += 100
        try:
            raise Problem(i)
        except Problem as e:
            total += e.args[0] & 1
        try:
            d[i]
        except KeyError:
            total += 1
        try:
            int("x")
        except (TypeError, ValueError):
            total += 2
        try:
            fail(3)
        except Exception:
            total += 1
        finally:
            total += 1
        with context:
            total += 1
        with context:
            raise ValueError
        try:
            context.missing
        except AttributeError:
            total += 1
        getattr(context, "missing", None)
        total += hasattr(context, "nothing")
    return total


print(main(60_000))
