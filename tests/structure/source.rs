//! The product's source as files and what each uses: every path of every `use`, expression, type and
//! macro, resolved to the file that defines the item. What is compiled for tests only is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// A module's path below the crate: `["plan", "order"]`.
pub(crate) type ModulePath = Vec<String>;

/// One file of the product.
pub(crate) struct SourceFile {
    /// Below the package: `src/plan/order.rs`.
    pub(crate) path: String,
    /// All of it, its tests included.
    pub(crate) text: String,
    /// Names of the items it defines.
    pub(crate) defines: BTreeSet<String>,
    /// Every path it uses, from the crate's root.
    uses: BTreeSet<Vec<String>>,
    /// The types that it has an `impl` of their own for, by their paths.
    implements: BTreeSet<Vec<String>>,
    /// What it hands on from other modules: the name, and the path behind it.
    reexports: Vec<(String, Vec<String>)>,
    children: BTreeSet<String>,
}

/// The product's files by module.
pub(crate) struct Source {
    pub(crate) files: BTreeMap<ModulePath, SourceFile>,
}

/// The folder of the package.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Adds the files below a folder whose names end like that.
pub(crate) fn collect_files(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            collect_files(&path, extensions, files);
        } else if extension.is_some_and(|extension| extensions.contains(&extension)) {
            files.push(path);
        }
    }
}

impl Source {
    /// Reads all files that `src/lib.rs` leads to.
    pub(crate) fn read() -> Self {
        let mut source = Self {
            files: BTreeMap::new(),
        };
        let src = package().join("src");
        source.add(&ModulePath::new(), &src.join("lib.rs"), &src);
        source
    }

    fn add(&mut self, module: &ModulePath, path: &Path, folder: &Path) {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let syntax =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = Reader::new(module.clone());
        let below = path.strip_prefix(package()).unwrap_or(path);
        reader.file.path = below.display().to_string();
        reader.file.text = text;
        for item in &syntax.items {
            if let Item::Mod(child) = item
                && child.content.is_none()
                && !is_for_tests(&child.attrs)
            {
                reader.file.children.insert(child.ident.to_string());
            }
        }
        reader.visit_file(&syntax);
        let children = reader.file.children.clone();
        self.files.insert(module.clone(), reader.file);
        for child in children {
            let of_folder = folder.join(&child).join("mod.rs");
            let path = if of_folder.exists() {
                of_folder
            } else {
                folder.join(format!("{child}.rs"))
            };
            let mut below = module.clone();
            below.push(child.clone());
            self.add(&below, &path, &folder.join(&child));
        }
    }

    /// The modules whose files a file uses, itself not among them.
    pub(crate) fn used_by(&self, module: &ModulePath) -> BTreeSet<&ModulePath> {
        let file = &self.files[module];
        file.uses
            .iter()
            .filter_map(|path| self.resolve(path, 0))
            .filter(|used| *used != module)
            .collect()
    }

    /// The types of other files that a file has an `impl` of their own for, as `file: Type`.
    pub(crate) fn foreign_impls(&self, module: &ModulePath) -> BTreeSet<String> {
        let file = &self.files[module];
        file.implements
            .iter()
            .filter_map(|path| Some((path, self.resolve(path, 0)?)))
            .filter(|(_, owner)| *owner != module)
            .map(|(path, owner)| {
                let name = path.last().map_or("", String::as_str);
                format!(
                    "{} has an `impl` of `{name}`, which is in {}",
                    file.path, self.files[owner].path
                )
            })
            .collect()
    }

    /// The module whose file defines what that path leads to.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        assert!(depth < 20, "{path:?} is handed on in a circle");
        let mut at: ModulePath = Vec::new();
        for (place, name) in path.iter().enumerate() {
            let file = &self.files[&at];
            if file.children.contains(name) {
                at.push(name.clone());
                continue;
            }
            if file.defines.contains(name) {
                break;
            }
            let rest = &path[place + 1..];
            let named = file.reexports.iter().find(|(as_name, _)| as_name == name);
            if let Some((_, target)) = named {
                let target: Vec<String> = target.iter().chain(rest).cloned().collect();
                return self.resolve(&target, depth + 1);
            }
            break;
        }
        self.files.get_key_value(&at).map(|(module, _)| module)
    }
}

/// `#[cfg(test)]`, or a combination with it.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

struct Reader {
    module: ModulePath,
    file: SourceFile,
    /// Names that a `use` brought in, so that `name::Item` is followed.
    imported: BTreeMap<String, Vec<String>>,
}

impl Reader {
    fn new(module: ModulePath) -> Self {
        Self {
            module,
            file: SourceFile {
                path: String::new(),
                text: String::new(),
                defines: BTreeSet::new(),
                uses: BTreeSet::new(),
                implements: BTreeSet::new(),
                reexports: Vec::new(),
                children: BTreeSet::new(),
            },
            imported: BTreeMap::new(),
        }
    }

    /// The path from the crate's root; none where it leads into another crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let first = path.first()?;
        let mut at = match first.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => self.module.clone(),
            "super" => {
                let mut at = self.module.clone();
                at.pop();
                at
            }
            // A variable may be called like a module.
            name if path.len() > 1 && self.file.children.contains(name) => {
                let mut at = self.module.clone();
                at.push(name.to_owned());
                at
            }
            name => self.imported.get(name)?.clone(),
        };
        for name in &path[1..] {
            if name == "super" {
                at.pop();
            } else {
                at.push(name.clone());
            }
        }
        Some(at)
    }

    fn used(&mut self, path: &[String]) {
        if let Some(path) = self.absolute(path) {
            self.file.uses.insert(path);
        }
    }

    fn tree(&mut self, tree: &UseTree, prefix: &[String], is_handed_on: bool) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => {
                self.tree(&path.tree, &with(path.ident.to_string()), is_handed_on);
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let path = if name == "self" {
                    prefix.to_vec()
                } else {
                    with(name)
                };
                let as_name = path.last().cloned().unwrap_or_default();
                self.import(as_name, &path, is_handed_on);
            }
            UseTree::Rename(rename) => {
                let path = with(rename.ident.to_string());
                self.import(rename.rename.to_string(), &path, is_handed_on);
            }
            UseTree::Glob(_) => self.used(prefix),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, prefix, is_handed_on);
                }
            }
        }
    }

    fn import(&mut self, as_name: String, path: &[String], is_handed_on: bool) {
        let Some(path) = self.absolute(path) else {
            return;
        };
        if is_handed_on {
            self.file.reexports.push((as_name, path));
        } else {
            self.imported.insert(as_name, path.clone());
            self.file.uses.insert(path);
        }
    }

    /// Paths that begin with `crate`, `self` or `super` among the words of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.used(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.used(&std::mem::take(&mut path));
                    self.tokens(group.stream());
                }
                _ => {
                    self.used(&std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.used(&path);
    }

    fn define(&mut self, item: &Item) {
        let ident = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Macro(item) => match &item.ident {
                Some(ident) => ident,
                None => return,
            },
            _ => return,
        };
        self.file.defines.insert(ident.to_string());
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if is_for_tests(attributes) {
            return;
        }
        self.define(item);
        if let Item::Impl(block) = item
            && block.trait_.is_none()
            && let syn::Type::Path(of) = &*block.self_ty
        {
            let names: Vec<String> = of
                .path
                .segments
                .iter()
                .map(|s| s.ident.to_string())
                .collect();
            self.file.implements.extend(self.absolute(&names));
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_handed_on = !matches!(item.vis, Visibility::Inherited);
        self.tree(&item.tree, &[], is_handed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.used(&names);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, body: &'ast syn::Macro) {
        self.tokens(body.tokens.clone());
        syn::visit::visit_macro(self, body);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
