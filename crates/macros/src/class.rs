//! `#[pyclass]` and `#[pymethods]`.

use crate::function::{self, Naming, Options, Shape};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, ImplItem, ItemImpl, ItemStruct, LitStr, Path, Result, Token};

#[derive(Default)]
pub struct ClassArgs {
    name: Option<LitStr>,
    module: Option<LitStr>,
    doc: Option<LitStr>,
    base: Option<LitStr>,
    extends: Option<LitStr>,
    flags: Vec<Ident>,
    gc: bool,
}

impl Parse for ClassArgs {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut args = ClassArgs::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            let text = || -> Result<Option<LitStr>> {
                input.parse::<Token![=]>()?;
                input.parse().map(Some)
            };
            match key.to_string().as_str() {
                "name" => args.name = text()?,
                "module" => args.module = text()?,
                "doc" => args.doc = text()?,
                "base" => args.base = text()?,
                "extends" => args.extends = text()?,
                "gc" => args.gc = true,
                "flags" => {
                    let inner;
                    syn::parenthesized!(inner in input);
                    args.flags = Punctuated::<Ident, Token![,]>::parse_terminated(&inner)?
                        .into_iter()
                        .collect();
                }
                other => {
                    let known = "name, module, doc, base, extends, gc, flags";
                    return Err(Error::new(
                        key.span(),
                        format!("no such option: {other} ({known})"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }
}

/// A payload type named in a string.
fn named(text: &LitStr) -> Result<Path> {
    text.parse()
}

pub fn pyclass(args: ClassArgs, item: ItemStruct) -> Result<TokenStream> {
    let ident = &item.ident;
    let name = match &args.name {
        Some(name) => name.value(),
        None => ident.to_string(),
    };
    let module = args
        .module
        .map_or_else(|| "builtins".to_string(), |m| m.value());
    let doc = args
        .doc
        .map_or_else(|| function::doc(&item.attrs), |d| d.value());
    let doc = match doc.as_str() {
        "" => quote!(""),
        doc => quote!(::naja_vm::apart!(class #doc)),
    };
    let gc = args.gc;
    let base_info = match &args.extends {
        Some(text) => {
            let path = named(text)?;
            quote!(Some(<#path as ::naja_vm::Payload>::INFO))
        }
        None => quote!(None),
    };
    let base = match args.base.as_ref().or(args.extends.as_ref()) {
        Some(text) => {
            let path = named(text)?;
            quote!(Some(|vm| vm.class::<#path>().clone()))
        }
        None => quote!(None),
    };
    let flags = args
        .flags
        .iter()
        .map(|f| quote!(| ::naja_vm::type_::TypeFlags::#f));
    let forward = gc.then(|| {
        quote! {
            fn traverse(&self, visitor: &mut ::naja_vm::Visitor) {
                ::naja_vm::Traverse::traverse(self, visitor)
            }
            fn clear(&self) {
                ::naja_vm::Traverse::clear(self)
            }
            const MAY_UNTRACK: bool = <Self as ::naja_vm::Traverse>::MAY_UNTRACK;
            fn gc_untrack(&self) -> bool {
                ::naja_vm::Traverse::untrack(self)
            }
        }
    });
    Ok(quote! {
        #item

        impl ::naja_vm::Payload for #ident {
            const GC: bool = #gc;
            const BASE: Option<&'static ::naja_vm::PayloadInfo> = #base_info;
            const NAME: &'static str = #name;
            const INFO: &'static ::naja_vm::PayloadInfo = {
                static INFO: ::naja_vm::PayloadInfo = ::naja_vm::PayloadInfo::of::<#ident>();
                &INFO
            };
            #forward
        }

        impl ::naja_vm::function::ClassInfo for #ident {
            const CLASS_NAME: &'static str = #name;
            const MODULE: &'static str = #module;
            const DOC: &'static str = #doc;
            const BASE_CLASS: Option<fn(&::naja_vm::Vm) -> ::naja_vm::Ref<::naja_vm::type_::Type>> = #base;
            const FLAGS: u64 = 0 #(#flags)*;
        }
    })
}

#[derive(Default)]
pub struct MethodsArgs {
    extra: Option<LitStr>,
    with: Vec<Path>,
}

impl Parse for MethodsArgs {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut args = MethodsArgs::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "extra" => {
                    input.parse::<Token![=]>()?;
                    args.extra = Some(input.parse()?);
                }
                "with" => {
                    let inner;
                    syn::parenthesized!(inner in input);
                    args.with = Punctuated::<Path, Token![,]>::parse_terminated(&inner)?
                        .into_iter()
                        .collect();
                }
                other => {
                    return Err(Error::new(
                        key.span(),
                        format!("no such option: {other} (extra, with)"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }
}

/// An attribute that functions read and write.
struct Getter {
    name: String,
    doc: String,
    /// Whether Python code sees it as a field (`member_descriptor`).
    member: bool,
    get: Option<TokenStream>,
    set: Option<TokenStream>,
}

/// What a block's functions expand to.
#[derive(Default)]
struct Tables {
    wrappers: Vec<TokenStream>,
    methods: Vec<TokenStream>,
    getters: Vec<Getter>,
    attrs: Vec<TokenStream>,
    slots: Vec<TokenStream>,
    class_signature: Option<LitStr>,
}

const MARKS: [&str; 8] = [
    "pymethod",
    "pyclassmethod",
    "pystaticmethod",
    "pygetter",
    "pysetter",
    "pyattr",
    "pyslot",
    "pymember",
];

/// Takes the attribute that marks a function off it.
fn take_mark(attrs: &mut Vec<Attribute>) -> Result<Option<(String, Options)>> {
    let Some(at) = attrs
        .iter()
        .position(|a| MARKS.iter().any(|m| a.path().is_ident(m)))
    else {
        return Ok(None);
    };
    let attr = attrs.remove(at);
    let mark = attr
        .path()
        .get_ident()
        .map(Ident::to_string)
        .unwrap_or_default();
    Ok(Some((mark, function::options(&attr)?)))
}

pub fn pymethods(args: MethodsArgs, mut item: ItemImpl) -> Result<TokenStream> {
    let ty = item.self_ty.clone();
    let mut tables = Tables::default();
    for member in &mut item.items {
        let ImplItem::Fn(f) = member else { continue };
        let Some((mark, options)) = take_mark(&mut f.attrs)? else {
            continue;
        };
        one(&mut tables, f, &mark, &options, &ty)?;
    }
    let Tables {
        wrappers,
        methods,
        getters,
        attrs,
        slots,
        class_signature,
    } = tables;
    let getset = getters.iter().map(|Getter { name, doc, member, get, set }| {
        let get = get.as_ref().map_or(quote!(None), |g| quote!(Some(#g)));
        let set = set.as_ref().map_or(quote!(None), |s| quote!(Some(#s)));
        let doc = function::apart(doc);
        quote! { ::naja_vm::function::GetSetDef { name: #name, doc: #doc, member: #member, get: #get, set: #set } }
    });
    let fill_name = match &args.extra {
        Some(name) => format_ident!("__PY_FILL_{}", name.value()),
        None => format_ident!("__PY_FILL"),
    };
    let table = quote! {
        ::naja_vm::function::MethodTable {
            methods: &[#(#methods),*],
            getset: &[#(#getset),*],
            attrs: &[#(#attrs),*],
            slots: <#ty>::#fill_name,
        }
    };
    let fill = quote! {
        #[allow(clippy::redundant_closure, unused_variables)]
        impl #ty {
            #[doc(hidden)]
            #[allow(non_upper_case_globals)]
            pub const #fill_name: fn(&::naja_vm::type_::Slots) = |slots| { #(#slots)* };
            #(#wrappers)*
        }
    };
    if let Some(name) = &args.extra {
        let name = format_ident!("{}", name.value());
        return Ok(quote! {
            #item
            #fill
            #[doc = "Methods of the class that are defined in this file."]
            pub static #name: ::naja_vm::function::MethodTable = #table;
        });
    }
    let with = &args.with;
    let signature = match class_signature {
        Some(text) => {
            let text = function::apart(&text.value());
            quote!(Some(#text))
        }
        None => quote!(None),
    };
    Ok(quote! {
        #item
        #fill
        impl ::naja_vm::PyClass for #ty {
            fn def() -> &'static ::naja_vm::TypeDef {
                use ::naja_vm::function::ClassInfo;
                static ID: ::naja_vm::function::DefId = ::naja_vm::function::DefId::new();
                static TABLE: ::naja_vm::function::MethodTable = #table;
                static DEF: ::naja_vm::TypeDef = ::naja_vm::TypeDef {
                    name: <#ty as ClassInfo>::CLASS_NAME,
                    module: <#ty as ClassInfo>::MODULE,
                    doc: <#ty as ClassInfo>::DOC,
                    text_signature: #signature,
                    base: <#ty as ClassInfo>::BASE_CLASS,
                    flags: <#ty as ClassInfo>::FLAGS,
                    payload: <#ty as ::naja_vm::Payload>::INFO,
                    tables: &[&TABLE #(, &#with)*],
                    id: &ID,
                };
                &DEF
            }
        }
    })
}

/// Expands one marked function into the tables.
fn one(
    tables: &mut Tables,
    f: &mut syn::ImplItemFn,
    mark: &str,
    options: &Options,
    ty: &syn::Type,
) -> Result<()> {
    let class_name = quote!(<#ty as ::naja_vm::function::ClassInfo>::CLASS_NAME);
    let ident = f.sig.ident.clone();
    let plain = ident.to_string();
    let plain = plain.strip_prefix("r#").unwrap_or(&plain).to_string();
    let doc = function::doc(&f.attrs);
    let wrapper = format_ident!("__py_{}", plain);
    let path = quote!(Self::#ident);
    match mark {
        "pymethod" | "pyclassmethod" | "pystaticmethod" => {
            let name = options.name.clone().unwrap_or(plain);
            let (shape, kind, first) = match mark {
                "pymethod" => (Shape::Method, quote!(Method), "$self"),
                "pyclassmethod" => (Shape::Class, quote!(Class), "$type"),
                _ => (Shape::Free, quote!(Static), ""),
            };
            let naming = Naming {
                owner: class_name,
                name: quote!(#name),
            };
            tables.wrappers.push(function::wrapper(
                &mut f.sig, options, shape, path, &naming, &wrapper,
            )?);
            let text = signature_text(options, first);
            let doc = function::apart(&doc);
            tables.methods.push(quote! {
                ::naja_vm::function::MethodDef {
                    name: #name, doc: #doc, text_signature: #text,
                    kind: ::naja_vm::function::MethodKind::#kind, call: <#ty>::#wrapper,
                }
            });
        }
        "pygetter" | "pymember" => {
            let name = options.name.clone().unwrap_or(plain);
            tables.wrappers.push(accessor(f, &wrapper, false)?);
            let entry = entry(tables, name, doc);
            entry.get = Some(quote!(<#ty>::#wrapper));
            entry.member = mark == "pymember";
        }
        "pysetter" => {
            let name = options
                .name
                .clone()
                .unwrap_or_else(|| plain.strip_prefix("set_").unwrap_or(&plain).to_string());
            tables.wrappers.push(accessor(f, &wrapper, true)?);
            entry(tables, name, String::new()).set = Some(quote!(<#ty>::#wrapper));
        }
        "pyattr" => {
            let name = options.name.clone().unwrap_or(plain);
            tables.attrs.push(quote! {
                ::naja_vm::function::AttrDef {
                    name: #name, value: |vm| ::naja_vm::IntoPyResult::into_py_result(<#ty>::#ident(vm), vm),
                }
            });
        }
        "pyslot" => {
            let slot = options
                .name
                .clone()
                .unwrap_or_else(|| plain.trim_end_matches('_').to_string());
            if slot == "new" || slot == "init" {
                tables.class_signature = options.sig.clone().or(tables.class_signature.take());
            }
            let (init, wrapped) = function::slot(f, options, &slot, class_name)?;
            tables.slots.push(init);
            tables.wrappers.push(wrapped);
        }
        other => return Err(Error::new(ident.span(), format!("no such mark: {other}"))),
    }
    Ok(())
}

/// The text signature as the table's field; `first` ("$self", ...) goes in front if it is not there.
pub fn signature_text(options: &Options, first: &str) -> TokenStream {
    let text = match (&options.sig, options.raw) {
        (Some(text), _) => text.value(),
        (None, true) => return quote!(None),
        (None, false) => "()".to_string(),
    };
    let text = function::apart(&crate::signature::with_first(&text, first));
    quote!(Some(#text))
}

/// The getset entry of a name, made if there is none.
fn entry(tables: &mut Tables, name: String, doc: String) -> &mut Getter {
    let at = match tables.getters.iter().position(|g| g.name == name) {
        Some(at) => at,
        None => {
            tables.getters.push(Getter {
                name,
                doc: String::new(),
                member: false,
                get: None,
                set: None,
            });
            tables.getters.len() - 1
        }
    };
    if !doc.is_empty() {
        tables.getters[at].doc = doc;
    }
    &mut tables.getters[at]
}

/// The wrapper of a getter or setter.
fn accessor(f: &syn::ImplItemFn, wrapper: &Ident, setter: bool) -> Result<TokenStream> {
    let ident = &f.sig.ident;
    let mut call = Vec::new();
    let mut cast = quote!();
    let mut at = 0;
    for arg in &f.sig.inputs {
        match arg {
            syn::FnArg::Receiver(_) => {
                at += 1;
                cast = quote! { let zelf = ::naja_vm::function::signature::attribute_receiver::<Self>(vm, zelf)?; };
                call.push(quote!(zelf));
            }
            syn::FnArg::Typed(typed) => {
                let text = {
                    let ty = &typed.ty;
                    quote!(#ty).to_string().replace(' ', "")
                };
                if text.ends_with("&Vm") || text.ends_with("::Vm") {
                    call.push(quote!(vm));
                    continue;
                }
                at += 1;
                if at == 1 && text.ends_with("Value") {
                    call.push(quote!(zelf));
                } else if at == 1 {
                    cast = quote! { let zelf = ::naja_vm::function::signature::attribute_receiver::<Self>(vm, zelf)?; };
                    call.push(quote!(zelf));
                } else if text.contains("&Value") {
                    call.push(quote!(value));
                } else {
                    call.push(quote!(value.cloned()));
                }
            }
        }
    }
    Ok(if setter {
        quote! {
            #[allow(non_snake_case)]
            fn #wrapper(vm: &::naja_vm::Vm, zelf: &::naja_vm::Value, value: Option<&::naja_vm::Value>) -> ::naja_vm::PyResult<()> {
                #cast
                Self::#ident(#(#call),*)
            }
        }
    } else {
        quote! {
            #[allow(non_snake_case)]
            fn #wrapper(vm: &::naja_vm::Vm, zelf: &::naja_vm::Value) -> ::naja_vm::PyResult {
                #cast
                ::naja_vm::IntoPyResult::into_py_result(Self::#ident(#(#call),*), vm)
            }
        }
    })
}
