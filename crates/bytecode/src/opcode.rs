//! The instruction set of CPython 3.14: one table, from which every other fact about instructions is derived.
//!
//! Each line of the table gives an instruction's number, its name, what it pops and pushes as a function of its
//! argument, the named 16-bit cache units that follow it, and its flags. Specialised and instrumented forms name the
//! instruction they stand for and take caches and stack effect from it. Numbers above 255 are pseudo instructions:
//! they exist between code generation and assembly only and never reach a code object.
//!
//! Invariant: numbers, cache sizes, effects and the ARG/CONST/NAME/JUMP/FREE/LOCAL flags equal what CPython's `opcode`,
//! `_opcode` and `_opcode_metadata` modules report. CPython: `Python/bytecodes.c`, `Lib/_opcode_metadata.py`.

/// Properties of an instruction, as a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(pub u16);

impl Flags {
    /// The argument means something.
    pub const ARG: Flags = Flags(1);
    /// The argument indexes `co_consts`.
    pub const CONST: Flags = Flags(2);
    /// The argument (or part of it) indexes `co_names`.
    pub const NAME: Flags = Flags(4);
    /// The argument is a jump distance.
    pub const JUMP: Flags = Flags(8);
    /// The argument indexes the cell and free variables.
    pub const FREE: Flags = Flags(0x10);
    /// The argument indexes the fast locals.
    pub const LOCAL: Flags = Flags(0x20);
    /// A pseudo instruction that opens an exception-handling block.
    pub const BLOCK_PUSH: Flags = Flags(0x40);
    /// Can raise.
    pub const ERROR: Flags = Flags(0x80);
    /// Can run arbitrary Python code (finalisers included).
    pub const ESCAPES: Flags = Flags(0x100);
    /// Checks the eval breaker.
    pub const EVAL_BREAK: Flags = Flags(0x200);
    /// Only moves values between stack, locals and constants.
    pub const PURE: Flags = Flags(0x400);

    /// Whether every bit of `other` is set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Which part of the table an instruction stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What the compiler emits.
    Normal,
    /// A form the interpreter writes over a normal one after seeing its operands.
    Specialized,
    /// A form the interpreter writes for `sys.monitoring` and tracing.
    Instrumented,
    /// Exists only inside the compiler.
    Pseudo,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The number; above 255 for pseudo instructions.
    pub number: u16,
    /// The name.
    pub name: &'static str,
    /// Normal, specialised, instrumented or pseudo.
    pub kind: Kind,
    /// The instruction this one is a form of; its own number for normal and pseudo ones.
    pub base: u16,
    /// Names and sizes (in 16-bit units) of the inline cache fields.
    pub caches: &'static [(&'static str, u8)],
    /// Properties.
    pub flags: Flags,
}

macro_rules! instructions {
    (
        $oparg:ident;
        normal { $($num:literal $name:ident ($pop:expr => $push:expr) [$($cache:ident: $width:literal),*] {$($flag:ident)*};)* }
        specialized { $($snum:literal $sname:ident of $sbase:ident;)* }
        instrumented { $($inum:literal $iname:ident of $ibase:ident {$($iflag:ident)*};)* }
        pseudo { $($pnum:literal $pname:ident ($ppop:expr => $ppush:expr) [] {$($pflag:ident)*};)* }
    ) => {
        /// Instruction numbers as they stand in code.
        pub mod op {
            $(#[doc = stringify!($name)] pub const $name: u8 = $num;)*
            $(#[doc = stringify!($sname)] pub const $sname: u8 = $snum;)*
            $(#[doc = stringify!($iname)] pub const $iname: u8 = $inum;)*
        }

        /// Instruction numbers as the compiler uses them: the normal and the pseudo ones, 16 bits wide.
        pub mod wide {
            $(#[doc = stringify!($name)] pub const $name: u16 = $num;)*
            $(#[doc = stringify!($pname)] pub const $pname: u16 = $pnum;)*
        }

        mod cache_layout {
            $(pub const $name: &[(&str, u8)] = &[$((stringify!($cache), $width)),*];)*
        }

        mod base_flags {
            $(pub const $name: u16 = 0 $(| super::Flags::$flag.0)*;)*
        }

        /// The table, in its order: normal, specialised, instrumented, pseudo.
        pub static TABLE: &[OpInfo] = &[
            $(OpInfo { number: $num, name: stringify!($name), kind: Kind::Normal, base: $num,
                caches: cache_layout::$name, flags: Flags(base_flags::$name) },)*
            $(OpInfo { number: $snum, name: stringify!($sname), kind: Kind::Specialized, base: op::$sbase as u16,
                caches: cache_layout::$sbase, flags: Flags(base_flags::$sbase) },)*
            $(OpInfo { number: $inum, name: stringify!($iname), kind: Kind::Instrumented, base: op::$ibase as u16,
                caches: cache_layout::$ibase, flags: Flags(0 $(| Flags::$iflag.0)*) },)*
            $(OpInfo { number: $pnum, name: stringify!($pname), kind: Kind::Pseudo, base: $pnum,
                caches: &[], flags: Flags(0 $(| Flags::$pflag.0)*) },)*
        ];

        /// How many values the instruction takes from the stack; `None` for an unknown number.
        pub fn popped(opcode: u16, oparg: u32) -> Option<i64> {
            #[allow(unused_variables)]
            let $oparg = i64::from(oparg);
            Some(match info(opcode)?.base {
                $($num => $pop,)*
                $($pnum => $ppop,)*
                _ => return None,
            })
        }

        /// How many values the instruction leaves on the stack (on its jump, for one that jumps or opens a block).
        pub fn pushed(opcode: u16, oparg: u32) -> Option<i64> {
            #[allow(unused_variables)]
            let $oparg = i64::from(oparg);
            Some(match info(opcode)?.base {
                $($num => $push,)*
                $($pnum => $ppush,)*
                _ => return None,
            })
        }
    };
}

instructions! {
    oparg;
    normal {
        0 CACHE (0 => 0) [] {PURE};
        1 BINARY_SLICE (3 => 1) [] {ERROR ESCAPES};
        2 BUILD_TEMPLATE (2 => 1) [] {ERROR};
        4 CALL_FUNCTION_EX (4 => 1) [] {ERROR ESCAPES EVAL_BREAK};
        5 CHECK_EG_MATCH (2 => 2) [] {ERROR ESCAPES};
        6 CHECK_EXC_MATCH (2 => 2) [] {ERROR ESCAPES};
        7 CLEANUP_THROW (3 => 2) [] {ERROR ESCAPES};
        8 DELETE_SUBSCR (2 => 0) [] {ERROR ESCAPES};
        9 END_FOR (1 => 0) [] {ESCAPES};
        10 END_SEND (2 => 1) [] {ESCAPES PURE};
        11 EXIT_INIT_CHECK (1 => 0) [] {ERROR ESCAPES};
        12 FORMAT_SIMPLE (1 => 1) [] {ERROR ESCAPES};
        13 FORMAT_WITH_SPEC (2 => 1) [] {ERROR ESCAPES};
        14 GET_AITER (1 => 1) [] {ERROR ESCAPES};
        15 GET_ANEXT (1 => 2) [] {ERROR ESCAPES};
        16 GET_ITER (1 => 1) [] {ERROR ESCAPES};
        17 RESERVED (0 => 0) [] {PURE};
        18 GET_LEN (1 => 2) [] {ERROR ESCAPES};
        19 GET_YIELD_FROM_ITER (1 => 1) [] {ERROR ESCAPES};
        20 INTERPRETER_EXIT (1 => 0) [] {};
        21 LOAD_BUILD_CLASS (0 => 1) [] {ERROR ESCAPES};
        22 LOAD_LOCALS (0 => 1) [] {ERROR ESCAPES};
        23 MAKE_FUNCTION (1 => 1) [] {ERROR};
        24 MATCH_KEYS (2 => 3) [] {ERROR ESCAPES};
        25 MATCH_MAPPING (1 => 2) [] {};
        26 MATCH_SEQUENCE (1 => 2) [] {};
        27 NOP (0 => 0) [] {PURE};
        28 NOT_TAKEN (0 => 0) [] {PURE};
        29 POP_EXCEPT (1 => 0) [] {ESCAPES};
        30 POP_ITER (1 => 0) [] {ESCAPES};
        31 POP_TOP (1 => 0) [] {ESCAPES PURE};
        32 PUSH_EXC_INFO (1 => 2) [] {};
        33 PUSH_NULL (0 => 1) [] {PURE};
        34 RETURN_GENERATOR (0 => 1) [] {ERROR};
        35 RETURN_VALUE (1 => 1) [] {ESCAPES};
        36 SETUP_ANNOTATIONS (0 => 0) [] {ERROR ESCAPES};
        37 STORE_SLICE (4 => 0) [] {ERROR ESCAPES};
        38 STORE_SUBSCR (3 => 0) [counter: 1] {ERROR ESCAPES};
        39 TO_BOOL (1 => 1) [counter: 1, version: 2] {ERROR ESCAPES};
        40 UNARY_INVERT (1 => 1) [] {ERROR ESCAPES};
        41 UNARY_NEGATIVE (1 => 1) [] {ERROR ESCAPES};
        42 UNARY_NOT (1 => 1) [] {PURE};
        43 WITH_EXCEPT_START (5 => 6) [] {ERROR ESCAPES};
        44 BINARY_OP (2 => 1) [counter: 1, descr: 4] {ARG ERROR ESCAPES};
        45 BUILD_INTERPOLATION (2 + (oparg & 1) => 1) [] {ARG ERROR};
        46 BUILD_LIST (oparg => 1) [] {ARG ERROR ESCAPES};
        47 BUILD_MAP (2 * oparg => 1) [] {ARG ERROR ESCAPES};
        48 BUILD_SET (oparg => 1) [] {ARG ERROR ESCAPES};
        49 BUILD_SLICE (oparg => 1) [] {ARG ERROR};
        50 BUILD_STRING (oparg => 1) [] {ARG ERROR};
        51 BUILD_TUPLE (oparg => 1) [] {ARG ERROR};
        52 CALL (2 + oparg => 1) [counter: 1, func_version: 2] {ARG ERROR ESCAPES EVAL_BREAK};
        53 CALL_INTRINSIC_1 (1 => 1) [] {ARG ERROR ESCAPES};
        54 CALL_INTRINSIC_2 (2 => 1) [] {ARG ERROR ESCAPES};
        55 CALL_KW (3 + oparg => 1) [counter: 1, func_version: 2] {ARG ERROR ESCAPES EVAL_BREAK};
        56 COMPARE_OP (2 => 1) [counter: 1] {ARG ERROR ESCAPES};
        57 CONTAINS_OP (2 => 1) [counter: 1] {ARG ERROR ESCAPES};
        58 CONVERT_VALUE (1 => 1) [] {ARG ERROR ESCAPES};
        59 COPY (oparg => 1 + oparg) [] {ARG PURE};
        60 COPY_FREE_VARS (0 => 0) [] {ARG};
        61 DELETE_ATTR (1 => 0) [] {ARG NAME ERROR ESCAPES};
        62 DELETE_DEREF (0 => 0) [] {ARG FREE ERROR ESCAPES};
        63 DELETE_FAST (0 => 0) [] {ARG LOCAL ERROR ESCAPES};
        64 DELETE_GLOBAL (0 => 0) [] {ARG NAME ERROR ESCAPES};
        65 DELETE_NAME (0 => 0) [] {ARG NAME ERROR ESCAPES};
        66 DICT_MERGE (4 + oparg => 3 + oparg) [] {ARG ERROR ESCAPES};
        67 DICT_UPDATE (1 + oparg => oparg) [] {ARG ERROR ESCAPES};
        68 END_ASYNC_FOR (2 => 0) [] {ARG JUMP ERROR ESCAPES};
        69 EXTENDED_ARG (0 => 0) [] {ARG};
        70 FOR_ITER (1 => 2) [counter: 1] {ARG JUMP ERROR ESCAPES};
        71 GET_AWAITABLE (1 => 1) [] {ARG ERROR ESCAPES};
        72 IMPORT_FROM (1 => 2) [] {ARG NAME ERROR ESCAPES};
        73 IMPORT_NAME (2 => 1) [] {ARG NAME ERROR ESCAPES};
        74 IS_OP (2 => 1) [] {ARG ESCAPES};
        75 JUMP_BACKWARD (0 => 0) [counter: 1] {ARG JUMP ERROR ESCAPES EVAL_BREAK};
        76 JUMP_BACKWARD_NO_INTERRUPT (0 => 0) [] {ARG JUMP};
        77 JUMP_FORWARD (0 => 0) [] {ARG JUMP};
        78 LIST_APPEND (1 + oparg => oparg) [] {ARG ERROR};
        79 LIST_EXTEND (1 + oparg => oparg) [] {ARG ERROR ESCAPES};
        80 LOAD_ATTR (1 => 1 + (oparg & 1)) [counter: 1, version: 2, keys_version: 2, descr: 4] {ARG NAME ERROR ESCAPES};
        81 LOAD_COMMON_CONSTANT (0 => 1) [] {ARG PURE};
        82 LOAD_CONST (0 => 1) [] {ARG CONST PURE};
        83 LOAD_DEREF (0 => 1) [] {ARG LOCAL ERROR};
        84 LOAD_FAST (0 => 1) [] {ARG LOCAL PURE};
        85 LOAD_FAST_AND_CLEAR (0 => 1) [] {ARG LOCAL};
        86 LOAD_FAST_BORROW (0 => 1) [] {ARG LOCAL PURE};
        87 LOAD_FAST_BORROW_LOAD_FAST_BORROW (0 => 2) [] {ARG LOCAL};
        88 LOAD_FAST_CHECK (0 => 1) [] {ARG LOCAL ERROR};
        89 LOAD_FAST_LOAD_FAST (0 => 2) [] {ARG LOCAL};
        90 LOAD_FROM_DICT_OR_DEREF (1 => 1) [] {ARG FREE ERROR ESCAPES};
        91 LOAD_FROM_DICT_OR_GLOBALS (1 => 1) [] {ARG NAME ERROR ESCAPES};
        92 LOAD_GLOBAL (0 => 1 + (oparg & 1)) [counter: 1, index: 1, module_keys_version: 1, builtin_keys_version: 1] {ARG NAME ERROR ESCAPES};
        93 LOAD_NAME (0 => 1) [] {ARG NAME ERROR ESCAPES};
        94 LOAD_SMALL_INT (0 => 1) [] {ARG PURE};
        95 LOAD_SPECIAL (1 => 2) [] {ARG ERROR ESCAPES};
        96 LOAD_SUPER_ATTR (3 => 1 + (oparg & 1)) [counter: 1] {ARG NAME ERROR ESCAPES};
        97 MAKE_CELL (0 => 0) [] {ARG FREE ERROR};
        98 MAP_ADD (2 + oparg => oparg) [] {ARG ERROR ESCAPES};
        99 MATCH_CLASS (3 => 1) [] {ARG ERROR ESCAPES};
        100 POP_JUMP_IF_FALSE (1 => 0) [counter: 1] {ARG JUMP};
        101 POP_JUMP_IF_NONE (1 => 0) [counter: 1] {ARG JUMP};
        102 POP_JUMP_IF_NOT_NONE (1 => 0) [counter: 1] {ARG JUMP};
        103 POP_JUMP_IF_TRUE (1 => 0) [counter: 1] {ARG JUMP};
        104 RAISE_VARARGS (oparg => 0) [] {ARG ERROR ESCAPES};
        105 RERAISE (1 + oparg => oparg) [] {ARG ERROR ESCAPES};
        106 SEND (2 => 2) [counter: 1] {ARG JUMP ERROR ESCAPES};
        107 SET_ADD (1 + oparg => oparg) [] {ARG ERROR ESCAPES};
        108 SET_FUNCTION_ATTRIBUTE (2 => 1) [] {ARG};
        109 SET_UPDATE (1 + oparg => oparg) [] {ARG ERROR ESCAPES};
        110 STORE_ATTR (2 => 0) [counter: 1, version: 2, index: 1] {ARG NAME ERROR ESCAPES};
        111 STORE_DEREF (1 => 0) [] {ARG FREE ESCAPES};
        112 STORE_FAST (1 => 0) [] {ARG LOCAL ESCAPES};
        113 STORE_FAST_LOAD_FAST (1 => 1) [] {ARG LOCAL ESCAPES};
        114 STORE_FAST_STORE_FAST (2 => 0) [] {ARG LOCAL ESCAPES};
        115 STORE_GLOBAL (1 => 0) [] {ARG NAME ERROR ESCAPES};
        116 STORE_NAME (1 => 0) [] {ARG NAME ERROR ESCAPES};
        117 SWAP (oparg => oparg) [] {ARG PURE};
        118 UNPACK_EX (1 => 1 + (oparg & 0xff) + (oparg >> 8)) [] {ARG ERROR ESCAPES};
        119 UNPACK_SEQUENCE (1 => oparg) [counter: 1] {ARG ERROR ESCAPES};
        120 YIELD_VALUE (1 => 1) [] {ARG ESCAPES};
        128 RESUME (0 => 0) [] {ARG ERROR ESCAPES EVAL_BREAK};
        238 INSTRUMENTED_INSTRUCTION (0 => 0) [] {ERROR ESCAPES EVAL_BREAK};
        254 INSTRUMENTED_LINE (0 => 0) [] {};
        255 ENTER_EXECUTOR (0 => 0) [] {ARG};
    }
    specialized {
        3 BINARY_OP_INPLACE_ADD_UNICODE of BINARY_OP;
        129 BINARY_OP_ADD_FLOAT of BINARY_OP;
        130 BINARY_OP_ADD_INT of BINARY_OP;
        131 BINARY_OP_ADD_UNICODE of BINARY_OP;
        132 BINARY_OP_EXTEND of BINARY_OP;
        133 BINARY_OP_MULTIPLY_FLOAT of BINARY_OP;
        134 BINARY_OP_MULTIPLY_INT of BINARY_OP;
        135 BINARY_OP_SUBSCR_DICT of BINARY_OP;
        136 BINARY_OP_SUBSCR_GETITEM of BINARY_OP;
        137 BINARY_OP_SUBSCR_LIST_INT of BINARY_OP;
        138 BINARY_OP_SUBSCR_LIST_SLICE of BINARY_OP;
        139 BINARY_OP_SUBSCR_STR_INT of BINARY_OP;
        140 BINARY_OP_SUBSCR_TUPLE_INT of BINARY_OP;
        141 BINARY_OP_SUBTRACT_FLOAT of BINARY_OP;
        142 BINARY_OP_SUBTRACT_INT of BINARY_OP;
        143 CALL_ALLOC_AND_ENTER_INIT of CALL;
        144 CALL_BOUND_METHOD_EXACT_ARGS of CALL;
        145 CALL_BOUND_METHOD_GENERAL of CALL;
        146 CALL_BUILTIN_CLASS of CALL;
        147 CALL_BUILTIN_FAST of CALL;
        148 CALL_BUILTIN_FAST_WITH_KEYWORDS of CALL;
        149 CALL_BUILTIN_O of CALL;
        150 CALL_ISINSTANCE of CALL;
        151 CALL_KW_BOUND_METHOD of CALL_KW;
        152 CALL_KW_NON_PY of CALL_KW;
        153 CALL_KW_PY of CALL_KW;
        154 CALL_LEN of CALL;
        155 CALL_LIST_APPEND of CALL;
        156 CALL_METHOD_DESCRIPTOR_FAST of CALL;
        157 CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS of CALL;
        158 CALL_METHOD_DESCRIPTOR_NOARGS of CALL;
        159 CALL_METHOD_DESCRIPTOR_O of CALL;
        160 CALL_NON_PY_GENERAL of CALL;
        161 CALL_PY_EXACT_ARGS of CALL;
        162 CALL_PY_GENERAL of CALL;
        163 CALL_STR_1 of CALL;
        164 CALL_TUPLE_1 of CALL;
        165 CALL_TYPE_1 of CALL;
        166 COMPARE_OP_FLOAT of COMPARE_OP;
        167 COMPARE_OP_INT of COMPARE_OP;
        168 COMPARE_OP_STR of COMPARE_OP;
        169 CONTAINS_OP_DICT of CONTAINS_OP;
        170 CONTAINS_OP_SET of CONTAINS_OP;
        171 FOR_ITER_GEN of FOR_ITER;
        172 FOR_ITER_LIST of FOR_ITER;
        173 FOR_ITER_RANGE of FOR_ITER;
        174 FOR_ITER_TUPLE of FOR_ITER;
        175 JUMP_BACKWARD_JIT of JUMP_BACKWARD;
        176 JUMP_BACKWARD_NO_JIT of JUMP_BACKWARD;
        177 LOAD_ATTR_CLASS of LOAD_ATTR;
        178 LOAD_ATTR_CLASS_WITH_METACLASS_CHECK of LOAD_ATTR;
        179 LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN of LOAD_ATTR;
        180 LOAD_ATTR_INSTANCE_VALUE of LOAD_ATTR;
        181 LOAD_ATTR_METHOD_LAZY_DICT of LOAD_ATTR;
        182 LOAD_ATTR_METHOD_NO_DICT of LOAD_ATTR;
        183 LOAD_ATTR_METHOD_WITH_VALUES of LOAD_ATTR;
        184 LOAD_ATTR_MODULE of LOAD_ATTR;
        185 LOAD_ATTR_NONDESCRIPTOR_NO_DICT of LOAD_ATTR;
        186 LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES of LOAD_ATTR;
        187 LOAD_ATTR_PROPERTY of LOAD_ATTR;
        188 LOAD_ATTR_SLOT of LOAD_ATTR;
        189 LOAD_ATTR_WITH_HINT of LOAD_ATTR;
        190 LOAD_CONST_IMMORTAL of LOAD_CONST;
        191 LOAD_CONST_MORTAL of LOAD_CONST;
        192 LOAD_GLOBAL_BUILTIN of LOAD_GLOBAL;
        193 LOAD_GLOBAL_MODULE of LOAD_GLOBAL;
        194 LOAD_SUPER_ATTR_ATTR of LOAD_SUPER_ATTR;
        195 LOAD_SUPER_ATTR_METHOD of LOAD_SUPER_ATTR;
        196 RESUME_CHECK of RESUME;
        197 SEND_GEN of SEND;
        198 STORE_ATTR_INSTANCE_VALUE of STORE_ATTR;
        199 STORE_ATTR_SLOT of STORE_ATTR;
        200 STORE_ATTR_WITH_HINT of STORE_ATTR;
        201 STORE_SUBSCR_DICT of STORE_SUBSCR;
        202 STORE_SUBSCR_LIST_INT of STORE_SUBSCR;
        203 TO_BOOL_ALWAYS_TRUE of TO_BOOL;
        204 TO_BOOL_BOOL of TO_BOOL;
        205 TO_BOOL_INT of TO_BOOL;
        206 TO_BOOL_LIST of TO_BOOL;
        207 TO_BOOL_NONE of TO_BOOL;
        208 TO_BOOL_STR of TO_BOOL;
        209 UNPACK_SEQUENCE_LIST of UNPACK_SEQUENCE;
        210 UNPACK_SEQUENCE_TUPLE of UNPACK_SEQUENCE;
        211 UNPACK_SEQUENCE_TWO_TUPLE of UNPACK_SEQUENCE;
    }
    instrumented {
        234 INSTRUMENTED_END_FOR of END_FOR {ESCAPES};
        235 INSTRUMENTED_POP_ITER of POP_ITER {ESCAPES};
        236 INSTRUMENTED_END_SEND of END_SEND {ESCAPES PURE};
        237 INSTRUMENTED_FOR_ITER of FOR_ITER {ARG JUMP ERROR ESCAPES};
        239 INSTRUMENTED_JUMP_FORWARD of JUMP_FORWARD {ARG};
        240 INSTRUMENTED_NOT_TAKEN of NOT_TAKEN {PURE};
        241 INSTRUMENTED_POP_JUMP_IF_TRUE of POP_JUMP_IF_TRUE {ARG};
        242 INSTRUMENTED_POP_JUMP_IF_FALSE of POP_JUMP_IF_FALSE {ARG};
        243 INSTRUMENTED_POP_JUMP_IF_NONE of POP_JUMP_IF_NONE {ARG};
        244 INSTRUMENTED_POP_JUMP_IF_NOT_NONE of POP_JUMP_IF_NOT_NONE {ARG};
        245 INSTRUMENTED_RESUME of RESUME {ARG ERROR ESCAPES EVAL_BREAK};
        246 INSTRUMENTED_RETURN_VALUE of RETURN_VALUE {ESCAPES};
        247 INSTRUMENTED_YIELD_VALUE of YIELD_VALUE {ARG ESCAPES};
        248 INSTRUMENTED_END_ASYNC_FOR of END_ASYNC_FOR {ARG JUMP ERROR ESCAPES};
        249 INSTRUMENTED_LOAD_SUPER_ATTR of LOAD_SUPER_ATTR {ARG NAME ERROR ESCAPES};
        250 INSTRUMENTED_CALL of CALL {ARG ERROR ESCAPES EVAL_BREAK};
        251 INSTRUMENTED_CALL_KW of CALL_KW {ARG ERROR ESCAPES EVAL_BREAK};
        252 INSTRUMENTED_CALL_FUNCTION_EX of CALL_FUNCTION_EX {ERROR ESCAPES EVAL_BREAK};
        253 INSTRUMENTED_JUMP_BACKWARD of JUMP_BACKWARD {ARG ERROR ESCAPES EVAL_BREAK};
    }
    pseudo {
        256 ANNOTATIONS_PLACEHOLDER (0 => 0) [] {};
        257 JUMP (0 => 0) [] {ARG JUMP EVAL_BREAK};
        258 JUMP_IF_FALSE (1 => 1) [] {ARG JUMP ERROR ESCAPES EVAL_BREAK};
        259 JUMP_IF_TRUE (1 => 1) [] {ARG JUMP ERROR ESCAPES EVAL_BREAK};
        260 JUMP_NO_INTERRUPT (0 => 0) [] {ARG JUMP};
        261 LOAD_CLOSURE (0 => 1) [] {ARG LOCAL PURE};
        262 POP_BLOCK (0 => 0) [] {PURE};
        263 SETUP_CLEANUP (0 => 2) [] {ARG BLOCK_PUSH};
        264 SETUP_FINALLY (0 => 1) [] {ARG BLOCK_PUSH};
        265 SETUP_WITH (0 => 1) [] {ARG BLOCK_PUSH};
        266 STORE_FAST_MAYBE_NULL (1 => 0) [] {ARG LOCAL ESCAPES};
    }
}

/// From this number on (up to 254) instructions are instrumented forms.
pub const MIN_INSTRUMENTED_OPCODE: u8 = 234;
/// From this number on an instruction's argument means something (kept for the `opcode` module).
pub const HAVE_ARGUMENT: u8 = 43;
/// The largest pseudo instruction number.
pub const MAX_OPCODE: u16 = 266;

const NUMBERS: usize = MAX_OPCODE as usize + 1;

/// Index into [`TABLE`] by number; 0xffff where there is no such instruction.
static POSITION: [u16; NUMBERS] = {
    let mut position = [0xffff; NUMBERS];
    let mut i = 0;
    while i < TABLE.len() {
        position[TABLE[i].number as usize] = i as u16;
        i += 1;
    }
    position
};

/// Number of cache units after each instruction.
pub static CACHE_ENTRIES: [u8; 256] = {
    let mut entries = [0; 256];
    let mut i = 0;
    while i < TABLE.len() {
        if TABLE[i].number < 256 {
            let (mut sum, mut field) = (0, 0);
            while field < TABLE[i].caches.len() {
                sum += TABLE[i].caches[field].1;
                field += 1;
            }
            entries[TABLE[i].number as usize] = sum;
        }
        i += 1;
    }
    entries
};

/// The unspecialised form of each instruction: specialised to base, everything else to itself.
pub static DEOPT: [u8; 256] = base_map(true, false);

/// The plain form of each instruction: specialised and instrumented to base, everything else to itself.
pub static BASE: [u8; 256] = base_map(true, true);

const fn base_map(specialized: bool, instrumented: bool) -> [u8; 256] {
    let mut map = [0; 256];
    let mut i = 0;
    while i < 256 {
        map[i] = i as u8;
        i += 1;
    }
    i = 0;
    while i < TABLE.len() {
        let wanted = match TABLE[i].kind {
            Kind::Specialized => specialized,
            Kind::Instrumented => instrumented,
            _ => false,
        };
        if wanted {
            map[TABLE[i].number as usize] = TABLE[i].base as u8;
        }
        i += 1;
    }
    map
}

/// The table's line for a number.
pub fn info(opcode: u16) -> Option<&'static OpInfo> {
    TABLE.get(usize::from(*POSITION.get(usize::from(opcode))?))
}

/// The name of an instruction; `<n>` (as in `opcode.opname`) is the caller's to make when there is none.
pub fn name(opcode: u16) -> Option<&'static str> {
    info(opcode).map(|i| i.name)
}

/// The number that belongs to a name.
pub fn by_name(name: &str) -> Option<u16> {
    TABLE.iter().find(|i| i.name == name).map(|i| i.number)
}

static FLAGS: [u16; NUMBERS] = {
    let mut flags = [0; NUMBERS];
    let mut i = 0;
    while i < TABLE.len() {
        flags[TABLE[i].number as usize] = TABLE[i].flags.0;
        i += 1;
    }
    flags
};

/// The flags of an instruction; none for an unknown number.
pub fn flags(opcode: u16) -> Flags {
    Flags(FLAGS.get(usize::from(opcode)).copied().unwrap_or(0))
}

/// Number of 16-bit cache units that follow an instruction in code.
pub fn cache_entries(opcode: u16) -> u8 {
    CACHE_ENTRIES.get(usize::from(opcode)).copied().unwrap_or(0)
}

/// The unspecialised form of an instruction.
pub fn deopt(opcode: u8) -> u8 {
    DEOPT[usize::from(opcode)]
}

/// The specialised forms of an instruction.
pub fn specializations(opcode: u16) -> impl Iterator<Item = &'static OpInfo> {
    TABLE
        .iter()
        .filter(move |i| i.kind == Kind::Specialized && i.base == opcode)
}

/// The instrumented form of an instruction, if it has one of its own.
pub fn instrumented(opcode: u16) -> Option<u8> {
    TABLE
        .iter()
        .find(|i| i.kind == Kind::Instrumented && i.base == opcode)
        .map(|i| i.number as u8)
}

/// Net stack effect as `dis.stack_effect` reports it: of the jump (`Some(true)`), of going on (`Some(false)`), or the
/// larger of both. `None` for unknown and specialised instructions and for effects outside of `i32`.
pub fn stack_effect(opcode: u16, oparg: u32, jump: Option<bool>) -> Option<i32> {
    let info = info(opcode)?;
    if info.kind == Kind::Specialized {
        return None;
    }
    let net = i32::try_from(pushed(opcode, oparg)? - popped(opcode, oparg)?).ok()?;
    if info.flags.has(Flags::BLOCK_PUSH) {
        return Some(match jump {
            Some(true) => net,
            Some(false) => 0,
            None => net.max(0),
        });
    }
    Some(net)
}

/// Names of the operations of `CALL_INTRINSIC_1`, by argument.
pub static INTRINSIC_1: [&str; 12] = [
    "INTRINSIC_1_INVALID",
    "INTRINSIC_PRINT",
    "INTRINSIC_IMPORT_STAR",
    "INTRINSIC_STOPITERATION_ERROR",
    "INTRINSIC_ASYNC_GEN_WRAP",
    "INTRINSIC_UNARY_POSITIVE",
    "INTRINSIC_LIST_TO_TUPLE",
    "INTRINSIC_TYPEVAR",
    "INTRINSIC_PARAMSPEC",
    "INTRINSIC_TYPEVARTUPLE",
    "INTRINSIC_SUBSCRIPT_GENERIC",
    "INTRINSIC_TYPEALIAS",
];

/// Names of the operations of `CALL_INTRINSIC_2`, by argument.
pub static INTRINSIC_2: [&str; 6] = [
    "INTRINSIC_2_INVALID",
    "INTRINSIC_PREP_RERAISE_STAR",
    "INTRINSIC_TYPEVAR_WITH_BOUND",
    "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS",
    "INTRINSIC_SET_FUNCTION_TYPE_PARAMS",
    "INTRINSIC_SET_TYPEPARAM_DEFAULT",
];

/// Arguments of `CALL_INTRINSIC_1` and `CALL_INTRINSIC_2`.
pub mod intrinsic {
    /// Print an expression statement in interactive mode.
    pub const PRINT: u8 = 1;
    /// `from m import *`.
    pub const IMPORT_STAR: u8 = 2;
    /// Turn a StopIteration that leaves a generator into RuntimeError.
    pub const STOPITERATION_ERROR: u8 = 3;
    /// Wrap a value yielded by an async generator.
    pub const ASYNC_GEN_WRAP: u8 = 4;
    /// `+x`.
    pub const UNARY_POSITIVE: u8 = 5;
    /// `tuple(list)`.
    pub const LIST_TO_TUPLE: u8 = 6;
    /// Make a TypeVar.
    pub const TYPEVAR: u8 = 7;
    /// Make a ParamSpec.
    pub const PARAMSPEC: u8 = 8;
    /// Make a TypeVarTuple.
    pub const TYPEVARTUPLE: u8 = 9;
    /// `Generic[...]`.
    pub const SUBSCRIPT_GENERIC: u8 = 10;
    /// Make a TypeAliasType.
    pub const TYPEALIAS: u8 = 11;
    /// Second table: what `except*` re-raises.
    pub const PREP_RERAISE_STAR: u8 = 1;
    /// Second table: TypeVar with a bound.
    pub const TYPEVAR_WITH_BOUND: u8 = 2;
    /// Second table: TypeVar with constraints.
    pub const TYPEVAR_WITH_CONSTRAINTS: u8 = 3;
    /// Second table: set a function's `__type_params__`.
    pub const SET_FUNCTION_TYPE_PARAMS: u8 = 4;
    /// Second table: set a type parameter's default.
    pub const SET_TYPEPARAM_DEFAULT: u8 = 5;
}

/// Arguments of `BINARY_OP`.
pub mod nb {
    /// `+`
    pub const ADD: u8 = 0;
    /// `&`
    pub const AND: u8 = 1;
    /// `//`
    pub const FLOOR_DIVIDE: u8 = 2;
    /// `<<`
    pub const LSHIFT: u8 = 3;
    /// `@`
    pub const MATRIX_MULTIPLY: u8 = 4;
    /// `*`
    pub const MULTIPLY: u8 = 5;
    /// `%`
    pub const REMAINDER: u8 = 6;
    /// `|`
    pub const OR: u8 = 7;
    /// `**`
    pub const POWER: u8 = 8;
    /// `>>`
    pub const RSHIFT: u8 = 9;
    /// `-`
    pub const SUBTRACT: u8 = 10;
    /// `/`
    pub const TRUE_DIVIDE: u8 = 11;
    /// `^`
    pub const XOR: u8 = 12;
    /// Add this to a plain operation for its in-place form.
    pub const INPLACE: u8 = 13;
    /// `a[b]`
    pub const SUBSCR: u8 = 26;
}

/// Names and symbols of the operations of `BINARY_OP`, by argument.
pub static NB_OPS: [(&str, &str); 27] = [
    ("NB_ADD", "+"),
    ("NB_AND", "&"),
    ("NB_FLOOR_DIVIDE", "//"),
    ("NB_LSHIFT", "<<"),
    ("NB_MATRIX_MULTIPLY", "@"),
    ("NB_MULTIPLY", "*"),
    ("NB_REMAINDER", "%"),
    ("NB_OR", "|"),
    ("NB_POWER", "**"),
    ("NB_RSHIFT", ">>"),
    ("NB_SUBTRACT", "-"),
    ("NB_TRUE_DIVIDE", "/"),
    ("NB_XOR", "^"),
    ("NB_INPLACE_ADD", "+="),
    ("NB_INPLACE_AND", "&="),
    ("NB_INPLACE_FLOOR_DIVIDE", "//="),
    ("NB_INPLACE_LSHIFT", "<<="),
    ("NB_INPLACE_MATRIX_MULTIPLY", "@="),
    ("NB_INPLACE_MULTIPLY", "*="),
    ("NB_INPLACE_REMAINDER", "%="),
    ("NB_INPLACE_OR", "|="),
    ("NB_INPLACE_POWER", "**="),
    ("NB_INPLACE_RSHIFT", ">>="),
    ("NB_INPLACE_SUBTRACT", "-="),
    ("NB_INPLACE_TRUE_DIVIDE", "/="),
    ("NB_INPLACE_XOR", "^="),
    ("NB_SUBSCR", "[]"),
];

/// The comparisons of `COMPARE_OP`, by `oparg >> 5`.
pub static COMPARE_OPS: [&str; 6] = ["<", "<=", "==", "!=", ">", ">="];

/// The argument of `COMPARE_OP`: operation in the upper bits, then the "convert the result to bool" bit, then the mask
/// of outcomes (unordered 1, less 2, greater 4, equal 8) for which the comparison holds.
pub mod compare {
    /// `<`
    pub const LT: u8 = 0;
    /// `<=`
    pub const LE: u8 = 1;
    /// `==`
    pub const EQ: u8 = 2;
    /// `!=`
    pub const NE: u8 = 3;
    /// `>`
    pub const GT: u8 = 4;
    /// `>=`
    pub const GE: u8 = 5;
    /// Shift of the operation.
    pub const SHIFT: u32 = 5;
    /// The result is wanted as a bool.
    pub const TO_BOOL: u8 = 16;
    /// Outcome: not comparable (NaN).
    pub const UNORDERED: u8 = 1;
    /// Outcome: left less than right.
    pub const LESS: u8 = 2;
    /// Outcome: left greater than right.
    pub const GREATER: u8 = 4;
    /// Outcome: equal.
    pub const EQUAL: u8 = 8;
    /// Mask of the outcomes for which each operation holds.
    pub const MASK: [u8; 6] = [
        LESS,
        LESS | EQUAL,
        EQUAL,
        UNORDERED | LESS | GREATER,
        GREATER,
        GREATER | EQUAL,
    ];

    /// The argument for an operation (without [`TO_BOOL`]).
    pub const fn oparg(operation: u8) -> u8 {
        (operation << SHIFT) | MASK[operation as usize]
    }
}

/// What `LOAD_COMMON_CONSTANT` loads, by argument.
pub static COMMON_CONSTANTS: [&str; 5] = [
    "AssertionError",
    "NotImplementedError",
    "tuple",
    "all",
    "any",
];

/// Arguments of `LOAD_COMMON_CONSTANT`.
pub mod common_constant {
    /// `AssertionError`
    pub const ASSERTIONERROR: u8 = 0;
    /// `NotImplementedError`
    pub const NOTIMPLEMENTEDERROR: u8 = 1;
    /// `tuple`
    pub const BUILTIN_TUPLE: u8 = 2;
    /// `all`
    pub const BUILTIN_ALL: u8 = 3;
    /// `any`
    pub const BUILTIN_ANY: u8 = 4;
}

/// The methods `LOAD_SPECIAL` looks up, by argument.
pub static SPECIAL_METHODS: [&str; 4] = ["__enter__", "__exit__", "__aenter__", "__aexit__"];

/// Arguments of `LOAD_SPECIAL`.
pub mod special {
    /// `__enter__`
    pub const ENTER: u8 = 0;
    /// `__exit__`
    pub const EXIT: u8 = 1;
    /// `__aenter__`
    pub const AENTER: u8 = 2;
    /// `__aexit__`
    pub const AEXIT: u8 = 3;
}

/// Arguments of `RESUME`: where it stands, and a bit for "one handler deep".
pub mod resume {
    /// At the start of a function.
    pub const AT_FUNC_START: u8 = 0;
    /// After `yield`.
    pub const AFTER_YIELD: u8 = 1;
    /// After `yield from`.
    pub const AFTER_YIELD_FROM: u8 = 2;
    /// After `await`.
    pub const AFTER_AWAIT: u8 = 3;
    /// Mask of the place.
    pub const LOCATION_MASK: u8 = 3;
    /// The yield stood one exception handler deep.
    pub const DEPTH1_MASK: u8 = 4;
}

/// Bits of `SET_FUNCTION_ATTRIBUTE`'s argument.
pub mod function_attribute {
    /// Defaults of positional parameters.
    pub const DEFAULTS: u8 = 1;
    /// Defaults of keyword-only parameters.
    pub const KWDEFAULTS: u8 = 2;
    /// `__annotations__`.
    pub const ANNOTATIONS: u8 = 4;
    /// Closure cells.
    pub const CLOSURE: u8 = 8;
    /// `__annotate__`.
    pub const ANNOTATE: u8 = 16;
}

/// Arguments of `CONVERT_VALUE`.
pub mod convert {
    /// No conversion.
    pub const NONE: u8 = 0;
    /// `!s`
    pub const STR: u8 = 1;
    /// `!r`
    pub const REPR: u8 = 2;
    /// `!a`
    pub const ASCII: u8 = 3;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_facts() {
        assert_eq!(name(84), Some("LOAD_FAST"));
        assert_eq!(by_name("SETUP_FINALLY"), Some(wide::SETUP_FINALLY));
        assert_eq!(name(121), None);
        assert_eq!(cache_entries(wide::LOAD_ATTR), 9);
        assert_eq!(CACHE_ENTRIES[op::BINARY_OP_ADD_INT as usize], 5);
        assert_eq!(deopt(op::BINARY_OP_INPLACE_ADD_UNICODE), op::BINARY_OP);
        assert_eq!(deopt(op::INSTRUMENTED_CALL), op::INSTRUMENTED_CALL);
        assert_eq!(BASE[op::INSTRUMENTED_CALL as usize], op::CALL);
        assert_eq!(specializations(wide::CALL).count(), 20);
        assert_eq!(instrumented(wide::RESUME), Some(op::INSTRUMENTED_RESUME));
        assert_eq!(compare::oparg(compare::GE), 172);
    }

    #[test]
    fn stack_effects() {
        assert_eq!(stack_effect(wide::CALL, 3, None), Some(-4));
        assert_eq!(stack_effect(wide::BUILD_MAP, u32::MAX, None), None);
        assert_eq!(stack_effect(wide::UNPACK_EX, 0x0203, None), Some(5));
        assert_eq!(stack_effect(wide::SETUP_CLEANUP, 0, Some(false)), Some(0));
        assert_eq!(stack_effect(wide::SETUP_CLEANUP, 0, None), Some(2));
        assert_eq!(stack_effect(u16::from(op::CALL_LEN), 1, None), None);
        assert_eq!(
            stack_effect(u16::from(op::INSTRUMENTED_CALL), 1, None),
            Some(-2)
        );
    }
}
