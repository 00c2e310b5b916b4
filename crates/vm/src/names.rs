//! Interned strings that the machine itself uses, one field each: `vm.names.__init__`.

use crate::objects::str_::{Interner, Str};
use naja_heap::Ref;

macro_rules! names {
    ($($name:ident)*) => {
        /// The interned names of one interpreter.
        #[allow(non_snake_case)]
        pub struct Names { $(pub $name: Ref<Str>,)* }

        impl Names {
            #[allow(non_snake_case)]
            pub fn new(interner: &mut Interner) -> Names {
                let [$($name,)*] = [$(stringify!($name),)*].map(|name| interner.intern(name));
                Names { $($name,)* }
            }
        }
    };
}

names! {
    __abs__ __abstractmethods__ __add__ __aenter__ __aexit__ __aiter__ __all__ __and__ __anext__ __annotate__
    __annotate_func__ __annotations__ __annotations_cache__ __args__ __await__ __bases__ __bool__ __build_class__
    __buffer__ __builtins__ __bytes__ __call__ __cause__ __class__ __class_getitem__ __classcell__ __classdict__
    __classdictcell__ __code__ __complex__ __conditional_annotations__ __contains__ __context__ __copy__ __debug__
    __deepcopy__ __del__ __delattr__ __delete__ __delitem__ __dict__ __dir__ __divmod__ __doc__ __enter__ __eq__
    __exit__ __file__ __firstlineno__ __float__ __floordiv__ __format__ __fspath__ __func__ __ge__ __get__
    __getattr__ __getattribute__ __getformat__ __getitem__ __getnewargs__ __getnewargs_ex__ __getstate__ __gt__ __hash__ __iadd__ __iand__
    __ifloordiv__ __ilshift__ __imatmul__ __imod__ __import__ __imul__ __index__ __init__ __init_subclass__
    __instancecheck__ __int__ __invert__ __ior__ __ipow__ __irshift__ __isabstractmethod__ __isub__ __iter__
    __itruediv__ __ixor__ __kwdefaults__ __le__ __len__ __length_hint__ __loader__ __lshift__ __lt__ __main__
    __match_args__ __matmul__ __missing__ __mod__ __module__ __mro__ __mro_entries__ __mul__ __name__ __ne__ __neg__
    __new__ __newobj__ __newobj_ex__ __next__ __notes__ __objclass__ __or__ __orig_class__ __origin__ __package__
    __parameters__ __path__ __pos__ __pow__ __prepare__ __qualname__ __radd__ __rand__ __rdivmod__ __reduce__
    __reduce_ex__ __release_buffer__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__
    __round__ __rpow__ __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__ __self__ __set__ __set_name__
    __setattr__ __setitem__ __setstate__ __signature__ __sizeof__ __slotnames__ __slots__ __spec__ __static_attributes__ __str__ __sub__
    __subclasscheck__ __subclasshook__ __suppress_context__ __text_signature__ __traceback__ __truediv__ __trunc__
    __type_params__ __typing_is_unpacked_typevartuple__ __typing_prepare_subst__ __typing_subst__ __typing_unpacked_tuple_args__
    __unpacked__ __warningregistry__ __weakref__ __wrapped__ __xor__
    _bootstrap _find_and_load _fix_up_module _get_sourcefile _handle_fromlist _initializing _io _lock_unlock_module _shutdown _uninitialized_submodules
    argv builtins close closed copy copyreg default displayhook encoding end errors excepthook exec_module file filename flush fromlist get
    getvalue isatty items join key keys last_exc last_traceback last_type last_value level line lineno locals metaclass
    mode modules mro name object obj offset open path ps1 ps2 read readline replace reverse send sep site sort
    stderr stdin stdout sys text throw top_level unraisablehook value values warn_explicit write
}
