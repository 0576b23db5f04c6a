//! The modules of one crate, read from its source: which file each is in, and what it defines, imports and names.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::{Attribute, Expr, ForeignItem, Item, ItemMod, Lit, Meta};

use super::cfg::is_product;
use super::paths::{Import, Mention, Named, attributes_of_item, imports, word};

/// The product code of one crate.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Its modules; the first is the crate's root.
    pub modules: Vec<Module>,
    /// Its files; the first is that of the root.
    pub files: Vec<File>,
    /// Where each `macro_rules!` is.
    pub macros: HashMap<String, usize>,
}

/// A file, which is a module and may have others inside.
#[derive(Debug)]
pub(super) struct File {
    /// Its path below `src`, with `/`.
    pub name: String,
    /// The names of its module and those above it, from the root down.
    pub module: Vec<String>,
}

/// A module, in a file of its own or inside another's.
#[derive(Debug)]
pub(super) struct Module {
    /// The module that declares it.
    pub parent: Option<usize>,
    /// The file that it is in.
    pub file: usize,
    /// What can be named through it.
    pub names: HashMap<String, Vec<Definition>>,
    /// What the bodies of its functions import for themselves.
    pub locals: HashMap<String, Vec<Definition>>,
    /// Its `use` declarations, those in function bodies included.
    pub imports: Vec<Import>,
    /// The paths in its code.
    pub mentions: Vec<Mention>,
}

/// What a name means. One name can mean several things: a module and a function, or an item for each platform.
#[derive(Clone, Debug)]
pub(super) enum Definition {
    /// An item that the module defines.
    Item,
    /// A module in it.
    Module(usize),
    /// What another path leads to.
    Import(Vec<String>),
}

/// Reads a crate from its root file. Names of files are shown from `base`.
///
/// Errors: when a file can't be read or is no Rust code, or a module has no file.
pub(super) fn read(root: &Path, base: &Path) -> Result<Source> {
    let mut reader = Reader { source: Source::default(), base };
    let folder = root.parent().context("a root file has a folder")?.to_owned();
    reader.file(root, folder, None, Vec::new())?;
    Ok(reader.source)
}

struct Reader<'a> {
    source: Source,
    base: &'a Path,
}

/// Where a module's code is.
struct Place<'a> {
    file: &'a Path,
    /// Where the files of its child modules are.
    folder: PathBuf,
    /// Whether it is inside another module's file.
    inline: bool,
    path: Vec<String>,
}

impl Reader<'_> {
    fn file(
        &mut self,
        file: &Path,
        folder: PathBuf,
        parent: Option<usize>,
        path: Vec<String>,
    ) -> Result<Option<usize>> {
        let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        let code = syn::parse_file(&text).with_context(|| format!("can't parse {}", file.display()))?;
        if !is_product(&code.attrs) {
            return Ok(None);
        }
        let shown = file.strip_prefix(self.base).unwrap_or(file);
        let name = shown.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        self.source.files.push(File { name, module: path.clone() });
        let module = self.module(parent, self.source.files.len() - 1);
        self.items(module, &code.items, &Place { file, folder, inline: false, path })?;
        Ok(Some(module))
    }

    fn module(&mut self, parent: Option<usize>, file: usize) -> usize {
        self.source.modules.push(Module {
            parent,
            file,
            names: HashMap::new(),
            locals: HashMap::new(),
            imports: Vec::new(),
            mentions: Vec::new(),
        });
        self.source.modules.len() - 1
    }

    fn items(&mut self, module: usize, items: &[Item], place: &Place<'_>) -> Result<()> {
        let mut named = Named::default();
        for item in items.iter().filter(|item| is_product(attributes_of_item(item))) {
            match item {
                Item::Mod(declaration) => self.child(module, declaration, place)?,
                Item::Use(declaration) => {
                    for import in imports(declaration) {
                        self.define(module, import.name.clone(), Definition::Import(import.path.clone()));
                        self.source.modules[module].imports.push(import);
                    }
                }
                item => {
                    self.item(module, item);
                    named.add(item);
                }
            }
        }
        let module = &mut self.source.modules[module];
        for import in named.imports {
            let definition = Definition::Import(import.path.clone());
            module.locals.entry(import.name.clone()).or_default().push(definition);
            module.imports.push(Import { public: false, ..import });
        }
        module.mentions = named.mentions.into_iter().collect();
        Ok(())
    }

    fn child(&mut self, parent: usize, declaration: &ItemMod, place: &Place<'_>) -> Result<()> {
        let name = word(&declaration.ident);
        let path: Vec<_> = place.path.iter().cloned().chain([name.clone()]).collect();
        let child = if let Some((_, items)) = &declaration.content {
            let child = self.module(Some(parent), self.source.modules[parent].file);
            let folder = place.folder.join(&name);
            self.items(child, items, &Place { file: place.file, folder, inline: true, path })?;
            Some(child)
        } else if let Some(written) = written_path(&declaration.attrs) {
            let base = if place.inline { Some(place.folder.as_path()) } else { place.file.parent() };
            let file = base.unwrap_or(Path::new("")).join(written);
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            self.file(&file, folder, Some(parent), path)?
        } else {
            let folder = place.folder.join(&name);
            let candidates = [folder.with_extension("rs"), folder.join("mod.rs")];
            let Some(file) = candidates.iter().find(|file| file.exists()) else {
                bail!(
                    "{} declares `mod {name};`, but there is neither {} nor {}",
                    place.file.display(),
                    candidates[0].display(),
                    candidates[1].display()
                );
            };
            self.file(file, folder, Some(parent), path)?
        };
        if let Some(child) = child {
            self.define(parent, name, Definition::Module(child));
        }
        Ok(())
    }

    fn item(&mut self, module: usize, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::TraitAlias(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Macro(item) => {
                if let Some(name) = &item.ident {
                    self.source.macros.insert(word(name), module);
                }
                return;
            }
            Item::ForeignMod(foreign) => {
                for item in &foreign.items {
                    match item {
                        ForeignItem::Fn(item) => self.define(module, word(&item.sig.ident), Definition::Item),
                        ForeignItem::Static(item) => self.define(module, word(&item.ident), Definition::Item),
                        ForeignItem::Type(item) => self.define(module, word(&item.ident), Definition::Item),
                        _ => {}
                    }
                }
                return;
            }
            _ => return,
        };
        self.define(module, word(name), Definition::Item);
    }

    fn define(&mut self, module: usize, name: String, definition: Definition) {
        self.source.modules[module].names.entry(name).or_default().push(definition);
    }
}

/// The file that `#[path = "…"]` names.
fn written_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}
