//! What a path leads to: the item, and the file that defines it, through every import and re-export on the way.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::modules::{Definition, Source};

/// The files that each file depends on, with the names that it uses of them.
pub(super) type Dependencies = BTreeMap<(usize, usize), BTreeSet<String>>;

/// Looks up every name that the code uses.
///
/// A module that re-exports items of the modules below it depends on none of them by that: it is their facade. It does
/// where its own code uses them.
pub(super) fn dependencies(source: &Source) -> Dependencies {
    let names = Names { source };
    let mut found = Dependencies::new();
    for (from, module) in source.modules.iter().enumerate() {
        let mut add = |targets: Vec<Target>, reexport: bool| {
            for target in targets {
                let (owner, name) = match target {
                    Target::Item(owner, name) => (owner, name),
                    Target::All(owner) => (owner, "*".to_owned()),
                    Target::Module(_) => continue,
                };
                let to = source.modules[owner].file;
                let facade = reexport && names.is_above(from, owner);
                if to != module.file && !facade {
                    found.entry((module.file, to)).or_default().insert(name);
                }
            }
        };
        for import in &module.imports {
            let mut targets = names.find(from, &import.path);
            if import.name == "*" {
                targets = targets.into_iter().map(Target::or_all).collect();
            }
            add(targets, import.public);
        }
        for mention in &module.mentions {
            let mut targets = names.find(from, &mention.path);
            if let ([name], true, true) = (mention.path.as_slice(), mention.calls_macro, targets.is_empty()) {
                targets.extend(source.macros.get(name).map(|&owner| Target::Item(owner, name.clone())));
            }
            add(targets, false);
        }
    }
    found
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// An item, by the module that defines it and its name there.
    Item(usize, String),
    /// A module itself. To name it is no use of it yet.
    Module(usize),
    /// All that is in a module.
    All(usize),
}

impl Target {
    fn or_all(self) -> Self {
        match self {
            Self::Module(module) => Self::All(module),
            other => other,
        }
    }
}

struct Names<'a> {
    source: &'a Source,
}

impl Names<'_> {
    /// What a path in the code of a module leads to; nothing if that is in another crate.
    fn find(&self, from: usize, path: &[String]) -> Vec<Target> {
        self.follow(from, path, &mut HashSet::new())
    }

    fn follow(&self, from: usize, path: &[String], open: &mut HashSet<(usize, String)>) -> Vec<Target> {
        let mut module = from;
        let mut rest = path;
        let mut relative = false;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" if !relative => module = 0,
                "self" => {}
                "super" => match self.source.modules[module].parent {
                    Some(parent) => module = parent,
                    None => return Vec::new(),
                },
                _ => break,
            }
            relative = true;
            rest = after;
        }
        let Some((first, after)) = rest.split_first() else { return vec![Target::Module(module)] };
        let mut targets = self.look_up(module, first, !relative, open);
        for name in after {
            // Types and modules share a namespace, so only a function or a macro can have a module's name.
            let modules: Vec<_> = targets.iter().filter_map(Target::as_module).collect();
            if modules.is_empty() {
                break;
            }
            targets =
                modules.into_iter().flat_map(|module| self.look_up(module, name, false, open)).collect();
        }
        targets
    }

    /// What a name means in a module, seen from inside (with what function bodies import) or from elsewhere.
    fn look_up(
        &self,
        module: usize,
        name: &str,
        inside: bool,
        open: &mut HashSet<(usize, String)>,
    ) -> Vec<Target> {
        let key = (module, name.to_owned());
        let first_time = open.insert(key.clone());
        let its = &self.source.modules[module];
        let locals = its.locals.get(name).filter(|_| inside);
        let mut known = its.names.get(name).into_iter().chain(locals).flatten().peekable();
        let defined = known.peek().is_some();
        let mut found = Vec::new();
        for definition in known {
            match definition {
                Definition::Item => found.push(Target::Item(module, name.to_owned())),
                Definition::Module(child) => found.push(Target::Module(*child)),
                // `pub use self::user::user` asks for `user` once more on its way.
                Definition::Import(path) if first_time => found.extend(self.follow(module, path, open)),
                Definition::Import(_) => {}
            }
        }
        if found.is_empty() && self.source.macros.get(name) == Some(&module) {
            found.push(Target::Item(module, name.to_owned()));
        }
        if !defined && first_time {
            found.extend(self.through_globs(module, name, inside, open));
        }
        if first_time {
            open.remove(&key);
        }
        found
    }

    fn through_globs(
        &self,
        module: usize,
        name: &str,
        inside: bool,
        open: &mut HashSet<(usize, String)>,
    ) -> Vec<Target> {
        let its = &self.source.modules[module];
        let locals = its.locals.get("*").filter(|_| inside);
        let mut found = Vec::new();
        for definition in its.names.get("*").into_iter().chain(locals).flatten() {
            let Definition::Import(path) = definition else { continue };
            for all in self.follow(module, path, open).iter().filter_map(Target::as_module) {
                found.extend(self.look_up(all, name, false, open));
            }
        }
        found
    }

    fn is_above(&self, upper: usize, lower: usize) -> bool {
        let mut next = self.source.modules[lower].parent;
        while let Some(module) = next {
            if module == upper {
                return true;
            }
            next = self.source.modules[module].parent;
        }
        false
    }
}

impl Target {
    const fn as_module(&self) -> Option<usize> {
        match self {
            Self::Module(module) => Some(*module),
            _ => None,
        }
    }
}
