//! Expands one marked function: its options, its parameters, its wrapper.

use crate::signature::{self, Kind, Param};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;

use syn::{
    Attribute, Error, Expr, FnArg, Ident, ImplItemFn, LitStr, Result, Signature, Token, Type,
};

/// The place of a span, for messages, with the names of the macro's caller: an item may itself come out of a `macro_rules!`, whose
/// tokens see other names.
fn placed(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// Options of `#[pymethod(...)]` and its relatives.
#[derive(Default)]
pub struct Options {
    pub name: Option<String>,
    pub sig: Option<LitStr>,
    pub raw: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut options = Options::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "raw" => options.raw = true,
                "name" => {
                    input.parse::<Token![=]>()?;
                    options.name = Some(input.parse::<LitStr>()?.value());
                }
                "sig" => {
                    input.parse::<Token![=]>()?;
                    options.sig = Some(input.parse()?);
                }
                other => {
                    return Err(Error::new(
                        key.span(),
                        format!("no such option: {other} (name, sig, raw)"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// The options of an attribute written with or without parentheses.
pub fn options(attr: &Attribute) -> Result<Options> {
    match &attr.meta {
        syn::Meta::Path(_) => Ok(Options::default()),
        _ => attr.parse_args(),
    }
}

/// A text that programs rarely ask for, put apart from what they read: see `naja_vm::apart`.
pub fn apart(text: &str) -> TokenStream {
    match text {
        "" => quote!(""),
        text => quote!(::naja_vm::apart!(#text)),
    }
}

/// The text of doc comments, lines joined, one leading space dropped from each.
pub fn doc(attrs: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs {
        if attr.path().is_ident("doc")
            && let syn::Meta::NameValue(pair) = &attr.meta
            && let Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) = &pair.value
        {
            let text = text.value();
            lines.push(
                text.strip_prefix(' ')
                    .unwrap_or(&text)
                    .trim_end()
                    .to_string(),
            );
        }
    }
    lines.join("\n").trim_end().to_string()
}

/// Takes `#[default(expr)]` off the parameters.
fn take_defaults(sig: &mut Signature) -> Result<Vec<Option<Expr>>> {
    sig.inputs
        .iter_mut()
        .map(|arg| {
            let attrs = match arg {
                FnArg::Typed(arg) => &mut arg.attrs,
                FnArg::Receiver(arg) => &mut arg.attrs,
            };
            let mut default = None;
            let mut kept = Vec::new();
            for attr in attrs.drain(..) {
                if attr.path().is_ident("default") {
                    default = Some(attr.parse_args()?);
                } else {
                    kept.push(attr);
                }
            }
            *attrs = kept;
            Ok(default)
        })
        .collect()
}

fn last_ident(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
        Type::Reference(reference) => last_ident(&reference.elem),
        _ => None,
    }
}

fn is_ref_to(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Reference(r) if last_ident(&r.elem).as_deref() == Some(name))
}

/// What the first parameter of a method is.
enum Receiver {
    /// `&self`
    Payload,
    /// `zelf: &Ref<Self>`
    Reference,
    /// `zelf: &Value`
    Value,
    /// `cls: &Ref<Type>`
    Class,
}

fn is_vm(ty: &Type) -> bool {
    is_ref_to(ty, "Vm")
}

/// How a function is called: what it gets before the parsed parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A module's function or a static method: no receiver.
    Free,
    Method,
    /// The first argument is the class.
    Class,
    /// The slot `new`: the class stands apart from the arguments.
    New,
    /// The slot `init`: the object stands apart from the arguments.
    Init,
}

/// How messages name a function: expressions of its class or module (empty: none) and of its name.
pub struct Naming {
    pub owner: TokenStream,
    pub name: TokenStream,
}

/// The wrapper `fn(&Vm, Args) -> PyResult` for a function; its defaults are taken off its parameters.
///
/// `path` is how the function is named from the wrapper.
pub fn wrapper(
    sig: &mut Signature,
    options: &Options,
    shape: Shape,
    path: TokenStream,
    naming: &Naming,
    wrapper: &Ident,
) -> Result<TokenStream> {
    let defaults = take_defaults(sig)?;
    let span = placed(sig.ident.span());
    let params = match &options.sig {
        Some(text) if !options.raw => {
            signature::parse(&text.value()).map_err(|e| Error::new(text.span(), e))?
        }
        _ => Vec::new(),
    };
    if options.raw {
        return Ok(quote_spanned! { span=>
            #[allow(non_snake_case)]
            fn #wrapper(vm: &::naja_vm::Vm, args: ::naja_vm::Args) -> ::naja_vm::PyResult {
                ::naja_vm::IntoPyResult::into_py_result(#path(vm, args), vm)
            }
        });
    }
    let mut call = Vec::new();
    let mut receiver = None;
    let mut next = params.iter().enumerate();
    let mut lets = Vec::new();
    for (arg, default) in sig.inputs.iter().zip(&defaults) {
        match arg {
            FnArg::Receiver(_) => {
                receiver = Some(Receiver::Payload);
                call.push(quote!(zelf));
            }
            FnArg::Typed(typed) if is_vm(&typed.ty) => call.push(quote!(vm)),
            FnArg::Typed(typed) if receiver.is_none() && shape != Shape::Free => {
                receiver = Some(match shape {
                    Shape::Class | Shape::New => Receiver::Class,
                    _ if is_ref_to(&typed.ty, "Value") => Receiver::Value,
                    _ if is_ref_to(&typed.ty, "Ref") => Receiver::Reference,
                    _ => {
                        let wanted =
                            "the object comes first: `&self`, `zelf: &Ref<Self>` or `zelf: &Value`";
                        return Err(Error::new(typed.ty.span(), wanted));
                    }
                });
                call.push(quote!(zelf));
            }
            FnArg::Typed(typed) => {
                let Some((index, param)) = next.next() else {
                    let text = "the signature (sig = \"(...)\") has no parameter for this one";
                    return Err(Error::new(typed.span(), text));
                };
                let variable = format_ident!("p{index}");
                lets.push(conversion(
                    param,
                    index,
                    &typed.ty,
                    default.as_ref(),
                    &variable,
                ));
                call.push(quote!(#variable));
            }
        }
    }
    if let Some((_, param)) = next.next() {
        let text = format!(
            "the function has no parameter for `{}` of its signature",
            param.name
        );
        return Err(Error::new(span, text));
    }
    let table = table(&params, naming);
    let receive = receive(shape, receiver);
    let bind = bind(&params, matches!(shape, Shape::New | Shape::Init));
    let head = match shape {
        Shape::New => quote! {
            fn #wrapper(vm: &::naja_vm::Vm, zelf: &::naja_vm::Ref<::naja_vm::type_::Type>, args: ::naja_vm::Args) -> ::naja_vm::PyResult
        },
        Shape::Init => quote! {
            fn #wrapper(vm: &::naja_vm::Vm, zelf: &::naja_vm::Value, args: ::naja_vm::Args) -> ::naja_vm::PyResult<()>
        },
        _ => {
            quote! { fn #wrapper(vm: &::naja_vm::Vm, args: ::naja_vm::Args) -> ::naja_vm::PyResult }
        }
    };
    let result = match shape {
        Shape::Init => quote! { #path(#(#call),*) },
        _ => quote! { ::naja_vm::IntoPyResult::into_py_result(#path(#(#call),*), vm) },
    };
    Ok(quote_spanned! { span=>
        #[allow(non_snake_case, unused_variables, clippy::needless_borrow, clippy::get_first)]
        #head {
            static SIG: ::naja_vm::function::Signature = #table;
            #receive
            #bind
            #(#lets)*
            #result
        }
    })
}

/// The statement that takes the receiver off the arguments: `zelf`, and `rest`.
fn receive(shape: Shape, receiver: Option<Receiver>) -> TokenStream {
    match (shape, receiver) {
        (Shape::New, _) => quote! { let rest = SIG.for_new(zelf, args); },
        (Shape::Free, _) | (Shape::Init, Some(Receiver::Value) | None) => {
            quote! { let rest = args; }
        }
        (Shape::Init, _) => quote! {
            let zelf = ::naja_vm::function::signature::slot_receiver::<Self>(vm, zelf, "init")?;
            let rest = args;
        },
        (_, Some(Receiver::Payload | Receiver::Reference)) => quote! {
            let (zelf, rest) = ::naja_vm::function::signature::receiver::<Self>(vm, args, &SIG)?;
        },
        (_, Some(Receiver::Class)) => quote! {
            let (zelf, rest) = ::naja_vm::function::signature::receiver::<::naja_vm::type_::Type>(vm, args, &SIG)?;
        },
        (_, Some(Receiver::Value)) => quote! {
            let (zelf, rest) = ::naja_vm::function::signature::receiver_value(vm, args, &SIG)?;
        },
        (_, None) => quote! {
            let (_, rest) = ::naja_vm::function::signature::receiver_value(vm, args, &SIG)?;
        },
    }
}

/// The statement that binds the arguments to `bound`. Without, with one or with two required positional-only parameters
/// nothing is searched; constructors word their errors otherwise and are left out.
fn bind(params: &[Param], constructor: bool) -> TokenStream {
    let n = params.len();
    let plain = !constructor && params.iter().all(|p| p.kind == Kind::PosOnly && p.required);
    match n {
        0 if plain => quote! { SIG.bind_none(vm, &rest)?; },
        1 if plain => quote! { let bound = [Some(SIG.bind_one(vm, &rest)?)]; },
        2 if plain => quote! {
            let (first, second) = SIG.bind_two(vm, &rest)?;
            let bound = [Some(first), Some(second)];
        },
        1..=4 => {
            let places = 0..n;
            quote! {
                let mut bound: [Option<&::naja_vm::Value>; #n] = [#(rest.args.get(#places)),*];
                if !SIG.fits(&rest) {
                    bound = [None; #n];
                    SIG.bind(vm, &rest, &mut bound)?;
                }
            }
        }
        _ => quote! {
            let mut bound: [Option<&::naja_vm::Value>; #n] = [None; #n];
            SIG.bind(vm, &rest, &mut bound)?;
        },
    }
}

/// The `let` that converts one bound argument.
fn conversion(
    param: &Param,
    index: usize,
    ty: &Type,
    default: Option<&Expr>,
    variable: &Ident,
) -> TokenStream {
    let span = placed(ty.span());
    match param.kind {
        Kind::VarArgs => return quote_spanned! { span=> let #variable = SIG.var_args(&rest); },
        Kind::VarKw => return quote_spanned! { span=> let #variable = SIG.var_keywords(&rest); },
        _ => {}
    }
    let from = |value: TokenStream| quote_spanned! { span=> ::naja_vm::FromArg::from_arg(vm, #value, &SIG, #index)? };
    if param.required {
        let convert = from(quote!(value));
        return quote_spanned! { span=>
            let #variable: #ty = match bound[#index] {
                Some(value) => #convert,
                None => return Err(SIG.missing(vm, #index)),
            };
        };
    }
    let convert = from(quote!(value));
    match default {
        Some(default) => quote_spanned! { span=>
            let #variable: #ty = match bound[#index] { Some(value) => #convert, None => #default };
        },
        None if last_ident(ty).as_deref() == Some("OrNone") => quote_spanned! { span=>
            let #variable: #ty = match bound[#index] { Some(value) => #convert, None => ::naja_vm::OrNone(None) };
        },
        None => quote_spanned! { span=>
            let #variable: #ty = match bound[#index] { Some(value) => Some(#convert), None => None };
        },
    }
}

/// The static `Signature`.
fn table(params: &[Param], naming: &Naming) -> TokenStream {
    let Naming { owner, name } = naming;
    let items = params.iter().map(|p| {
        let Param { name, required, .. } = p;
        let kind = match p.kind {
            Kind::PosOnly => quote!(PosOnly),
            Kind::PosOrKw => quote!(PosOrKw),
            Kind::VarArgs => quote!(VarArgs),
            Kind::KwOnly => quote!(KwOnly),
            Kind::VarKw => quote!(VarKw),
        };
        quote! { ::naja_vm::function::Param { name: #name, kind: ::naja_vm::function::ParamKind::#kind, required: #required } }
    });
    quote! { ::naja_vm::function::Signature::new(#owner, #name, &[#(#items),*]) }
}

/// The statement that puts one slot function in, and the wrapper it needs, if any (an associated function).
///
/// `class_name` is an expression of the class's name.
pub fn slot(
    item: &mut ImplItemFn,
    options: &Options,
    slot: &str,
    class_name: TokenStream,
) -> Result<(TokenStream, TokenStream)> {
    let field = format_ident!(
        "{}",
        if slot == "await" { "await_" } else { slot },
        span = placed(item.sig.ident.span())
    );
    let function = item.sig.ident.clone();
    let span = placed(function.span());
    // The closure's parameter: written by the macro, whatever macro the method itself was written in.
    let slots = Ident::new("slots", Span::call_site());
    let takes_args = |arg: &FnArg| matches!(arg, FnArg::Typed(t) if last_ident(&t.ty).as_deref() == Some("Args"));
    if matches!(slot, "new" | "init") && !item.sig.inputs.iter().any(takes_args) {
        let inner = format_ident!("__py_slot_{slot}");
        let shape = if slot == "new" {
            Shape::New
        } else {
            Shape::Init
        };
        let naming = Naming {
            owner: quote!(""),
            name: class_name,
        };
        let wrapped = wrapper(
            &mut item.sig,
            options,
            shape,
            quote!(Self::#function),
            &naming,
            &inner,
        )?;
        return Ok((
            quote_spanned! { span=> #slots.#field.set(Some(Self::#inner)); },
            wrapped,
        ));
    }
    let mut names = vec![quote!(vm)];
    let mut call = Vec::new();
    let mut casts = Vec::new();
    let mut index = 0;
    for arg in item.sig.inputs.iter() {
        let typed = match arg {
            FnArg::Typed(typed) if is_vm(&typed.ty) => {
                call.push(quote!(vm));
                continue;
            }
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        };
        let variable = format_ident!("a{index}");
        names.push(quote!(#variable));
        call.push(quote!(#variable));
        if typed.is_none_or(|t| index == 0 && slot != "new" && is_ref_to(&t.ty, "Ref")) {
            casts.push(if slot == "finalize" {
                quote! { let Some(#variable) = #variable.downcast::<Self>() else { return }; }
            } else {
                quote! { let #variable = ::naja_vm::function::signature::slot_receiver::<Self>(vm, #variable, #slot)?; }
            });
        }
        index += 1;
    }
    let init = quote_spanned! { span=>
        #slots.#field.set(Some(|#(#names),*| { #(#casts)* Self::#function(#(#call),*) }));
    };
    Ok((init, TokenStream::new()))
}
