"""What sysconfig tells of the build: Naja is not built by a makefile, and loads no extension modules in machine code."""

build_time_vars = {
    'ABIFLAGS': '',
    'CONFINCLUDEPY': '',
    'EXT_SUFFIX': '',
    'HOST_GNU_TYPE': 'x86_64-unknown-linux-gnu',
    'INCLUDEPY': '',
    'LIBDIR': '',
    'MULTIARCH': 'x86_64-linux-gnu',
    'Py_DEBUG': 0,
    'Py_ENABLE_SHARED': 0,
    'Py_GIL_DISABLED': 0,
    'SHLIB_SUFFIX': '.so',
    'SOABI': '',
    'VERSION': '3.14',
    'WITH_DOC_STRINGS': 1,
}
