"""importlib.resources for packages of the library inside the program."""

import io
import _naja
from importlib.resources.abc import Traversable, TraversableResources


class LibraryPath(Traversable):
    """A file or folder of the library."""

    def __init__(self, path):
        self._path = path

    def __repr__(self):
        return f'LibraryPath({self._path!r})'

    @property
    def name(self):
        return self._path.rpartition('/')[2]

    def is_dir(self):
        return _naja.kind(self._path) == 2

    def is_file(self):
        return _naja.kind(self._path) == 1

    def iterdir(self):
        for name in _naja.names(self._path):
            yield LibraryPath(f'{self._path}/{name}')

    def joinpath(self, *descendants):
        parts = [self._path]
        for descendant in descendants:
            parts.extend(part for part in str(descendant).split('/') if part)
        return LibraryPath('/'.join(parts))

    __truediv__ = joinpath

    def open(self, mode='r', *args, **kwargs):
        data = _naja.source(self._path)
        if data is None:
            error = IsADirectoryError if self.is_dir() else FileNotFoundError
            raise error(self._path)
        stream = io.BytesIO(data)
        if 'b' in mode:
            return stream
        return io.TextIOWrapper(stream, *args, **kwargs)


class LibraryReader(TraversableResources):
    """The resources of one package."""

    def __init__(self, path):
        self._path = path

    def files(self):
        return LibraryPath(self._path)
