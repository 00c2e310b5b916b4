"""Imports from the library that is part of the program.

The library seems to be a folder inside the program's file: sys.path has an entry for it, for which the path hook below
gives a finder.  Loaders know code objects, sources and data files, so that inspect, linecache, pkgutil and
importlib.resources work as they do with files.
"""

import sys
import _naja
import _frozen_importlib as _bootstrap
import _frozen_importlib_external as _external

_root = _naja.library_root()


def _relative(path):
    """The path within the library of a path that seems to be in it; None for others."""
    if _root is None or not path.startswith(_root):
        return None
    rest = path[len(_root):]
    if rest and not rest.startswith('/'):
        return None
    return rest.strip('/')


def _join(folder, name):
    return f'{folder}/{name}' if folder else name


class LibraryLoader(_external._LoaderBasics):
    """Loads one module of the library."""

    def __init__(self, fullname, path):
        self.name = fullname
        self.path = f'{_root}/{path}'
        self._path = path

    def __eq__(self, other):
        return self.__class__ == other.__class__ and self.__dict__ == other.__dict__

    def __hash__(self):
        return hash(self.name) ^ hash(self.path)

    def _check(self, fullname):
        if fullname is not None and fullname != self.name:
            raise ImportError(f'loader for {self.name} cannot handle {fullname}', name=fullname)

    def is_package(self, fullname=None):
        return self._path.endswith('/__init__.py')

    def get_filename(self, fullname=None):
        self._check(fullname)
        return self.path

    def get_code(self, fullname=None):
        self._check(fullname)
        code = _naja.code(self._path, self.path)
        if code is None:
            code = self.source_to_code(self.get_data(self.path), self.path)
        return code

    @staticmethod
    def source_to_code(data, path='<string>'):
        return _bootstrap._call_with_frames_removed(compile, data, path, 'exec', dont_inherit=True)

    def get_source(self, fullname=None):
        self._check(fullname)
        return _external.decode_source(self.get_data(self.path))

    def get_data(self, path):
        relative = _relative(path)
        data = None if relative is None else _naja.source(relative)
        if data is None:
            raise FileNotFoundError(2, 'No such file or directory', path)
        return data

    def get_resource_reader(self, fullname):
        self._check(fullname)
        if not self.is_package():
            return None
        from _embedded_resources import LibraryReader
        return LibraryReader(self._path.rpartition('/')[0])


class LibraryFinder:
    """Finds the modules in one folder of the library."""

    def __init__(self, folder):
        self._folder = folder

    def __repr__(self):
        return f'LibraryFinder({self._folder!r})'

    def find_spec(self, fullname, target=None):
        base = _join(self._folder, fullname.rpartition('.')[2])
        for path, package in ((f'{base}/__init__.py', True), (f'{base}.py', False)):
            if _naja.kind(path) == 1:
                loader = LibraryLoader(fullname, path)
                spec = _bootstrap.ModuleSpec(fullname, loader, origin=loader.path, is_package=package)
                spec.has_location = True
                spec.cached = None
                if package:
                    spec.submodule_search_locations.append(f'{_root}/{base}')
                return spec
        if _naja.kind(base) == 2:
            spec = _bootstrap.ModuleSpec(fullname, None)
            spec.submodule_search_locations = [f'{_root}/{base}']
            return spec
        return None

    def iter_modules(self, prefix=''):
        for name in _naja.names(self._folder):
            if name == '__init__.py':
                continue
            if name.endswith('.py'):
                yield prefix + name[:-3], False
            elif _naja.kind(_join(self._folder, name) + '/__init__.py') == 1:
                yield prefix + name, True

    @staticmethod
    def invalidate_caches():
        """The library does not change."""


def _hook(path):
    relative = _relative(path)
    if relative is None or _naja.kind(relative) != 2:
        raise ImportError('only folders of the library are supported', path=path)
    return LibraryFinder(relative)


def _install():
    if _root is not None:
        sys.path_hooks.insert(0, _hook)
