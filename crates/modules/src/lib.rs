//! The native modules of the standard library: those that are C in CPython, one file or folder each, under CPython's
//! names without the leading underscore. Each has a `module` with the table that `#[pymodule]` makes of it.

pub mod abc;
pub mod all;
pub mod array;
pub mod asyncio;
pub mod base64;
pub mod binascii;
pub mod bisect;
pub mod bz2;
pub mod cmath;
pub mod codecs;
pub mod collections;
pub mod common;
pub mod compression;
pub mod contextvars;
pub mod csv;
pub mod datetime;
pub mod decimal;
pub mod elementtree;
pub mod errno;
pub mod faulthandler;
pub mod fcntl;
pub mod functools;
pub mod grp;
pub mod hashes;
pub mod hashlib;
pub mod heapq;
pub mod hmac;
pub mod io;
pub mod itertools;
pub mod json;
pub mod locale;
pub mod lsprof;
pub mod lzma;
pub mod marshal;
pub mod math;
pub mod mmap;
pub mod multibyte;
pub mod multiprocessing;
pub mod opcode;
pub mod operator;
pub mod pickle;
pub mod posix;
pub mod posixshmem;
pub mod posixsubprocess;
pub mod pwd;
pub mod pyexpat;
pub mod queue;
pub mod random;
pub mod remote_debugging;
pub mod resource;
pub mod select;
pub mod signal;
pub mod socket;
pub mod sqlite;
pub mod sre;
pub mod ssl;
pub mod stat;
pub mod statistics;
pub mod string;
pub mod struct_;
pub mod suggestions;
pub mod symtable;
pub mod sysconfig;
pub mod syslog;
pub mod system;
pub mod termios;
pub mod thread;
pub mod time;
pub mod tokenize;
pub mod tracemalloc;
pub mod types;
pub mod typing;
pub mod unicodedata;
pub mod weakref;
pub mod zlib;
pub mod zstd;

use naja_vm::ModuleDef;

/// All of them, for `Config::builtin_modules`.
pub static MODULES: &[&ModuleDef] = &[
    &abc::module::MODULE,
    &array::module::MODULE,
    &asyncio::module::MODULE,
    &base64::module::MODULE,
    &binascii::module::MODULE,
    &bisect::module::MODULE,
    &bz2::module::MODULE,
    &cmath::module::MODULE,
    &codecs::module::MODULE,
    &collections::module::MODULE,
    &contextvars::module::MODULE,
    &csv::module::MODULE,
    &datetime::module::MODULE,
    &decimal::module::MODULE,
    &elementtree::module::MODULE,
    &errno::module::MODULE,
    &faulthandler::module::MODULE,
    &fcntl::module::MODULE,
    &functools::module::MODULE,
    &grp::module::MODULE,
    &hashes::blake2::module::MODULE,
    &hashes::fixed::md5::module::MODULE,
    &hashes::fixed::sha1::module::MODULE,
    &hashes::fixed::sha2::module::MODULE,
    &hashes::sha3::module::MODULE,
    &hashlib::module::MODULE,
    &heapq::module::MODULE,
    &hmac::module::MODULE,
    &io::module::MODULE,
    &itertools::module::MODULE,
    &json::module::MODULE,
    &locale::module::MODULE,
    &lsprof::module::MODULE,
    &lzma::module::MODULE,
    &marshal::module::MODULE,
    &math::module::MODULE,
    &mmap::module::MODULE,
    &multibyte::cn::MODULE,
    &multibyte::hk::MODULE,
    &multibyte::iso2022::MODULE,
    &multibyte::jp::MODULE,
    &multibyte::kr::MODULE,
    &multibyte::module::MODULE,
    &multibyte::tw::MODULE,
    &multiprocessing::module::MODULE,
    &opcode::module::MODULE,
    &operator::module::MODULE,
    &pickle::module::MODULE,
    &posix::module::MODULE,
    &posixshmem::module::MODULE,
    &posixsubprocess::module::MODULE,
    &pwd::module::MODULE,
    &pyexpat::module::MODULE,
    &queue::module::MODULE,
    &random::module::MODULE,
    &remote_debugging::module::MODULE,
    &resource::module::MODULE,
    &select::module::MODULE,
    &signal::module::MODULE,
    &socket::module::MODULE,
    &sqlite::module::MODULE,
    &sre::module::MODULE,
    &ssl::module::MODULE,
    &stat::module::MODULE,
    &statistics::module::MODULE,
    &string::module::MODULE,
    &struct_::module::MODULE,
    &suggestions::module::MODULE,
    &symtable::module::MODULE,
    &sysconfig::module::MODULE,
    &syslog::module::MODULE,
    &termios::module::MODULE,
    &thread::module::MODULE,
    &time::module::MODULE,
    &tokenize::module::MODULE,
    &tracemalloc::module::MODULE,
    &types::module::MODULE,
    &typing::module::MODULE,
    &unicodedata::module::MODULE,
    &weakref::module::MODULE,
    &zlib::module::MODULE,
    &zstd::module::MODULE,
    &naja_vm::builtins::ast::module::MODULE,
    &naja_vm::builtins::atexit::module::MODULE,
    &naja_vm::builtins::gc::module::MODULE,
    &naja_vm::builtins::warnings::module::MODULE,
];
