//! The names that a piece of code uses: its paths and imports, also inside macros and attributes.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, ItemUse, Stmt, TraitItem, UseTree, Visibility};

use super::cfg::is_product;

/// One name that a `use` declaration brings in.
#[derive(Clone, Debug)]
pub(super) struct Import {
    /// What it means, as written.
    pub path: Vec<String>,
    /// The name here: `*` for all of a module, `_` for none.
    pub name: String,
    /// Whether others may import it from here.
    pub public: bool,
}

/// A path in the code, as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    /// Its segments.
    pub path: Vec<String>,
    /// Whether it calls a macro, whose name may come from anywhere above.
    pub calls_macro: bool,
}

/// All that a piece of code names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The paths.
    pub mentions: BTreeSet<Mention>,
    /// The imports inside function bodies.
    pub imports: Vec<Import>,
}

impl Named {
    /// Adds all that an item names.
    pub(super) fn add(&mut self, item: &Item) {
        self.visit_item(item);
    }

    fn mention(&mut self, path: Vec<String>, calls_macro: bool) {
        self.mentions.insert(Mention { path, calls_macro });
    }

    /// The paths in tokens that only their macro can parse: words joined by `::`.
    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<_> = stream.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(word) if may_begin_path(&tokens[..at - 1], &word.to_string()) => {
                    let mut path = vec![word.unraw().to_string()];
                    while let Some(TokenTree::Ident(next)) = tokens
                        .get(at + 2)
                        .filter(|_| is_punct(&tokens, at, ':') && is_punct(&tokens, at + 1, ':'))
                    {
                        path.push(next.unraw().to_string());
                        at += 3;
                    }
                    self.mention(path, is_punct(&tokens, at, '!'));
                }
                _ => {}
            }
        }
    }

    /// The paths that an attribute passes to its macro as text, such as `with = "crate::seconds"`.
    fn texts(&mut self, stream: TokenStream) {
        for token in stream {
            match token {
                TokenTree::Group(group) if group.delimiter() != Delimiter::None => self.texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                        self.visit_path(&path);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Each `use` of a tree of them. One that begins with `::` names another crate.
pub(super) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        let public = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), public, &mut found);
    }
    found
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, public: bool, found: &mut Vec<Import>) {
    let mut add = |last: Option<String>, name: String| {
        let path = before.iter().cloned().chain(last).collect();
        found.push(Import { path, name, public });
    };
    match tree {
        UseTree::Name(name) if name.ident == "self" => add(None, before.last().cloned().unwrap_or_default()),
        UseTree::Name(name) => add(Some(word(&name.ident)), word(&name.ident)),
        UseTree::Rename(rename) if rename.ident == "self" => add(None, word(&rename.rename)),
        UseTree::Rename(rename) => add(Some(word(&rename.ident)), word(&rename.rename)),
        UseTree::Glob(_) => add(None, "*".to_owned()),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, public, found);
            }
        }
        UseTree::Path(path) => {
            before.push(word(&path.ident));
            flatten(&path.tree, before, public, found);
            before.pop();
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_product(attributes_of_item(item)) {
            return;
        }
        match item {
            Item::Use(declaration) => self.imports.extend(imports(declaration)),
            Item::Verbatim(tokens) => self.tokens(tokens.clone()),
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.mention(path.segments.iter().map(|segment| word(&segment.ident)).collect(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.leading_colon.is_none() {
            self.mention(call.path.segments.iter().map(|segment| word(&segment.ident)).collect(), true);
        }
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if ["doc", "cfg", "cfg_attr", "expect", "allow"].iter().any(|name| attribute.path().is_ident(name)) {
            return;
        }
        self.visit_path(attribute.path());
        match &attribute.meta {
            syn::Meta::List(list) => {
                self.tokens(list.tokens.clone());
                self.texts(list.tokens.clone());
            }
            syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
            _ => {}
        }
    }

    /// `pub(in …)` names who may see an item; that is no use of it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[_] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if is_product(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[_] = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if is_product(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if is_product(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if is_product(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_field_value(&mut self, value: &'ast syn::FieldValue) {
        if is_product(&value.attrs) {
            visit::visit_field_value(self, value);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if is_product(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes: &[_] = match statement {
            Stmt::Local(local) => &local.attrs,
            Stmt::Macro(call) => &call.attrs,
            Stmt::Expr(expression, _) => attributes_of_expression(expression),
            _ => &[],
        };
        if is_product(attributes) {
            visit::visit_stmt(self, statement);
        }
    }
}

/// The attributes of an item.
pub(super) fn attributes_of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of an expression that is a statement, where code leaves one out of a build.
fn attributes_of_expression(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Assign(it) => &it.attrs,
        Expr::Await(it) => &it.attrs,
        Expr::Block(it) => &it.attrs,
        Expr::Call(it) => &it.attrs,
        Expr::ForLoop(it) => &it.attrs,
        Expr::If(it) => &it.attrs,
        Expr::Macro(it) => &it.attrs,
        Expr::Match(it) => &it.attrs,
        Expr::MethodCall(it) => &it.attrs,
        Expr::Path(it) => &it.attrs,
        Expr::Return(it) => &it.attrs,
        Expr::Try(it) => &it.attrs,
        Expr::Unsafe(it) => &it.attrs,
        Expr::While(it) => &it.attrs,
        _ => &[],
    }
}

/// A name without `r#`.
pub(super) fn word(name: &syn::Ident) -> String {
    name.unraw().to_string()
}

fn is_punct(tokens: &[TokenTree], at: usize, character: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

/// Whether a word after these tokens can be the first of a path: not a method or field, a lifetime, a macro's variable
/// or the rest of a path that begins with `::`, `<` or `$`. `$crate` is the crate itself.
fn may_begin_path(before: &[TokenTree], word: &str) -> bool {
    let last = before.len().wrapping_sub(1);
    if is_punct(before, last, '.') {
        return is_punct(before, last.wrapping_sub(1), '.');
    }
    if is_punct(before, last, '$') {
        return word == "crate";
    }
    let after_colons = is_punct(before, last, ':') && is_punct(before, last.wrapping_sub(1), ':');
    !after_colons && !is_punct(before, last, '\'')
}
