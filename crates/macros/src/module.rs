//! `#[pymodule]`.

use crate::class::signature_text;
use crate::function::{self, Naming, Shape};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Item, ItemMod, LitStr, Path, Result, Token};

#[derive(Default)]
pub struct ModuleArgs {
    name: Option<LitStr>,
    doc: Option<LitStr>,
    classes: Vec<Path>,
    with: Vec<Path>,
}

impl Parse for ModuleArgs {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut args = ModuleArgs::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "name" => {
                    input.parse::<Token![=]>()?;
                    args.name = Some(input.parse()?);
                }
                "doc" => {
                    input.parse::<Token![=]>()?;
                    args.doc = Some(input.parse()?);
                }
                "classes" => args.classes = paths(input)?,
                "with" => args.with = paths(input)?,
                other => {
                    return Err(Error::new(
                        key.span(),
                        format!("no such option: {other} (name, doc, classes, with)"),
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

/// Paths in parentheses.
fn paths(input: ParseStream) -> Result<Vec<Path>> {
    let inner;
    syn::parenthesized!(inner in input);
    let paths = Punctuated::<Path, Token![,]>::parse_terminated(&inner)?;
    Ok(paths.into_iter().collect())
}

pub fn pymodule(args: ModuleArgs, mut item: ItemMod) -> Result<TokenStream> {
    let span = item.ident.span();
    let Some((_, items)) = &mut item.content else {
        return Err(Error::new(span, "the module's content must stand here"));
    };
    let name = args
        .name
        .map_or_else(|| item.ident.to_string(), |n| n.value());
    let doc = args
        .doc
        .map_or_else(|| function::doc(&item.attrs), |d| d.value());
    let doc = function::apart(&doc);
    let (mut functions, mut attrs, mut wrappers, mut exec) =
        (Vec::new(), Vec::new(), Vec::new(), quote!(None));
    for member in items.iter_mut() {
        let Item::Fn(f) = member else { continue };
        let marked = f.attrs.iter().position(|a| {
            ["pyfunction", "pyattr", "pyexec"]
                .iter()
                .any(|m| a.path().is_ident(m))
        });
        let Some(at) = marked else { continue };
        let attr = f.attrs.remove(at);
        let options = function::options(&attr)?;
        let ident = f.sig.ident.clone();
        let plain = ident.to_string();
        let python_name = options
            .name
            .clone()
            .unwrap_or_else(|| plain.strip_prefix("r#").unwrap_or(&plain).to_string());
        if attr.path().is_ident("pyexec") {
            exec = quote!(Some(#ident));
        } else if attr.path().is_ident("pyattr") {
            attrs.push(quote! {
                ::naja_vm::function::AttrDef {
                    name: #python_name, value: |vm| ::naja_vm::IntoPyResult::into_py_result(#ident(vm), vm),
                }
            });
        } else {
            let doc = function::apart(&function::doc(&f.attrs));
            let wrapper = format_ident!("__py_{}", plain.strip_prefix("r#").unwrap_or(&plain));
            let naming = Naming {
                owner: quote!(#name),
                name: quote!(#python_name),
            };
            wrappers.push(function::wrapper(
                &mut f.sig,
                &options,
                Shape::Free,
                quote!(#ident),
                &naming,
                &wrapper,
            )?);
            let text = signature_text(&options, "$module");
            functions.push(quote! {
                ::naja_vm::function::MethodDef {
                    name: #python_name, doc: #doc, text_signature: #text,
                    kind: ::naja_vm::function::MethodKind::Function, call: #wrapper,
                }
            });
        }
    }
    let classes = args
        .classes
        .iter()
        .map(|c| quote!(|vm| vm.class::<#c>().clone()));
    let with = &args.with;
    let generated = quote! {
        #(#wrappers)*
        #[doc = "The module's definition."]
        pub static MODULE: ::naja_vm::ModuleDef = ::naja_vm::ModuleDef {
            name: #name,
            doc: #doc,
            functions: &[#(#functions),*],
            attrs: &[#(#attrs),*],
            classes: &[#(#classes),*],
            with: &[#(&#with::MODULE),*],
            exec: #exec,
        };
    };
    items.push(Item::Verbatim(generated));
    Ok(quote!(#item))
}
