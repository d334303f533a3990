//! What an instance of a component consists of, read from the component's bytes before anything is compiled.
//!
//! One pass over the sections, without validation: it costs milliseconds, where compiling may take a minute and a gigabyte. What it
//! counts is what a compiler needs time and memory for, and what an engine has to reserve for each instance.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Encoding, Instance, Parser, Payload,
};

use crate::fixed_limits::{
    COMPONENT_DEPTH_MAX, COMPONENT_FUNCTIONS_MAX, COMPONENT_MODULES_MAX, CORE_INSTANCES_MAX, FUNCTION_BYTES_MAX, MEMORIES_MAX,
    TABLES_MAX,
};

/// What one instance of a component consists of. Modules that the engine itself adds (adapters between components) are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ComponentParts {
    /// Core modules that are instantiated, each as often as it is.
    pub(crate) core_instances: usize,
    /// Linear memories of all of them.
    pub(crate) memories: usize,
    /// Tables of all of them.
    pub(crate) tables: usize,
}

/// Why the parts of a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartsError {
    #[error("has {found} {what}, and at most {most} are allowed")]
    TooMany { what: &'static str, found: usize, most: usize },

    #[error("has a function of {found} bytes, and at most {FUNCTION_BYTES_MAX} are allowed; split the function")]
    LongFunction { found: usize },

    #[error("instantiates a module or a component that it does not define itself; link it into one component")]
    Undefined,

    #[error("is not a valid component: {0}")]
    Malformed(#[from] wasmparser::BinaryReaderError),
}

/// A module or component whose end the pass has not reached.
enum Open {
    Module(ComponentParts),
    Component(Scope),
}

/// What a component has defined so far. An index without parts is one that the component imports.
#[derive(Default)]
struct Scope {
    modules: Vec<Option<ComponentParts>>,
    components: Vec<Option<ComponentParts>>,
    instantiated: ComponentParts,
}

#[derive(Default)]
struct Pass {
    open: Vec<Open>,
    modules: usize,
    functions: usize,
}

impl ComponentParts {
    /// Counts the parts of a component, and refuses one that has more of them than any toolchain makes.
    pub(crate) fn of(component: &[u8]) -> Result<Self, PartsError> {
        let mut pass = Pass::default();
        let mut whole = Self::default();
        for payload in Parser::new(0).parse_all(component) {
            if let Some(ended) = pass.payload(payload?)? {
                whole = ended;
            }
        }
        Ok(whole)
    }

    fn add(&mut self, other: Self) -> Result<(), PartsError> {
        self.core_instances += other.core_instances;
        self.memories += other.memories;
        self.tables += other.tables;
        // At once, since components that instantiate one another can double these numbers at each level.
        at_most("core instances", self.core_instances, CORE_INSTANCES_MAX)?;
        at_most("memories", self.memories, MEMORIES_MAX)?;
        at_most("tables", self.tables, TABLES_MAX)
    }
}

/// Why these bytes are not those of a whole component or module, as far as its sections say: a part of a file that is still being
/// copied. One that ends between two sections passes, and lacks its exports.
pub(crate) fn incomplete(component: &[u8]) -> Option<String> {
    Parser::new(0).parse_all(component).find_map(Result::err).map(|error| error.to_string())
}

impl Pass {
    /// Returns the parts of the whole at its end.
    fn payload(&mut self, payload: Payload<'_>) -> Result<Option<ComponentParts>, PartsError> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding)?,
            Payload::End(_) => return self.end(),
            Payload::FunctionSection(functions) => {
                self.functions += count(functions.count());
                at_most("functions", self.functions, COMPONENT_FUNCTIONS_MAX)?;
            }
            Payload::CodeSectionEntry(body) if body.range().len() > FUNCTION_BYTES_MAX => {
                return Err(PartsError::LongFunction { found: body.range().len() });
            }
            Payload::MemorySection(memories) => {
                self.defined(ComponentParts { memories: count(memories.count()), ..Default::default() })?;
            }
            Payload::TableSection(tables) => {
                self.defined(ComponentParts { tables: count(tables.count()), ..Default::default() })?;
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.instantiate(|scope| &scope.modules, module_index)?;
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.instantiate(|scope| &scope.components, component_index)?;
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    self.name(import?.ty.kind(), None);
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    // An export gives what it exports another index.
                    let parts = match export.kind {
                        ComponentExternalKind::Module => self.find(0, |scope| &scope.modules, export.index),
                        ComponentExternalKind::Component => self.find(0, |scope| &scope.components, export.index),
                        _ => None,
                    };
                    self.name(export.kind, parts);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), PartsError> {
        match encoding {
            Encoding::Module => {
                self.modules += 1;
                at_most("core modules", self.modules, COMPONENT_MODULES_MAX)?;
                self.open.push(Open::Module(ComponentParts { core_instances: 1, ..Default::default() }));
            }
            Encoding::Component => {
                self.open.push(Open::Component(Scope::default()));
                at_most("components inside of one another", self.open.len(), COMPONENT_DEPTH_MAX)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Option<ComponentParts>, PartsError> {
        let ended = self.open.pop();
        match (self.open.last_mut(), ended) {
            (Some(Open::Component(outer)), Some(Open::Module(parts))) => outer.modules.push(Some(parts)),
            (Some(Open::Component(outer)), Some(Open::Component(scope))) => outer.components.push(Some(scope.instantiated)),
            (None, Some(Open::Component(whole))) => return Ok(Some(whole.instantiated)),
            _ => return Err(PartsError::Undefined),
        }
        Ok(None)
    }

    /// The module that is open defines these.
    fn defined(&mut self, parts: ComponentParts) -> Result<(), PartsError> {
        match self.open.last_mut() {
            Some(Open::Module(module)) => module.add(parts),
            _ => Ok(()),
        }
    }

    fn instantiate(&mut self, of: fn(&Scope) -> &Vec<Option<ComponentParts>>, index: u32) -> Result<(), PartsError> {
        let parts = self.find(0, of, index).ok_or(PartsError::Undefined)?;
        match self.open.last_mut() {
            Some(Open::Component(scope)) => scope.instantiated.add(parts),
            _ => Ok(()),
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match *alias {
            ComponentAlias::InstanceExport { kind, .. } => self.name(kind, None),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count: outward, index } => {
                let parts = self.find(outward, |scope| &scope.modules, index);
                self.name(ComponentExternalKind::Module, parts);
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count: outward, index } => {
                let parts = self.find(outward, |scope| &scope.components, index);
                self.name(ComponentExternalKind::Component, parts);
            }
            _ => {}
        }
    }

    /// Gives the next index of its kind to these parts.
    fn name(&mut self, kind: ComponentExternalKind, parts: Option<ComponentParts>) {
        let Some(Open::Component(scope)) = self.open.last_mut() else { return };
        match kind {
            ComponentExternalKind::Module => scope.modules.push(parts),
            ComponentExternalKind::Component => scope.components.push(parts),
            _ => {}
        }
    }

    /// The parts at an index of the component so many levels outward. None if they are unknown.
    fn find(&self, outward: u32, of: fn(&Scope) -> &Vec<Option<ComponentParts>>, index: u32) -> Option<ComponentParts> {
        match self.open.iter().rev().nth(count(outward))? {
            Open::Component(scope) => of(scope).get(count(index)).copied().flatten(),
            Open::Module(_) => None,
        }
    }
}

fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), PartsError> {
    if found > most { Err(PartsError::TooMany { what, found, most }) } else { Ok(()) }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, Component, ComponentExportKind, ComponentImportSection, ComponentInstanceSection, ComponentTypeRef,
        ComponentTypeSection, CoreTypeSection, Function, FunctionSection, InstanceSection, MemorySection, MemoryType, Module,
        ModuleSection, ModuleType, NestedComponentSection, RefType, TableSection, TableType, TypeSection,
    };

    use super::{ComponentParts, PartsError};
    use crate::fixed_limits::{
        COMPONENT_DEPTH_MAX, COMPONENT_FUNCTIONS_MAX, COMPONENT_MODULES_MAX, CORE_INSTANCES_MAX, FUNCTION_BYTES_MAX,
        MEMORIES_MAX, TABLES_MAX,
    };

    fn module(memories: usize, tables: usize) -> Module {
        let mut module = Module::new();
        let mut section = TableSection::new();
        for _ in 0..tables {
            let element_type = RefType::FUNCREF;
            section.table(TableType { element_type, table64: false, minimum: 1, maximum: None, shared: false });
        }
        module.section(&section);
        let mut section = MemorySection::new();
        for _ in 0..memories {
            section.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        }
        module.section(&section);
        module
    }

    /// A module of functions with bodies of so many bytes.
    fn functions(count: usize, bytes: usize) -> Module {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        module.section(&types);
        let (mut section, mut code) = (FunctionSection::new(), CodeSection::new());
        // A body is its list of locals, which is empty, the instructions and their end.
        let mut function = Function::new([]);
        function.raw(std::iter::repeat_n(0x01, bytes - 2));
        function.instructions().end();
        for _ in 0..count {
            section.function(0);
            code.function(&function);
        }
        module.section(&section);
        module.section(&code);
        module
    }

    fn instances(of_module: u32, count: usize) -> InstanceSection {
        let mut section = InstanceSection::new();
        for _ in 0..count {
            section.instantiate::<_, &str>(of_module, []);
        }
        section
    }

    /// A component with one module, which is instantiated so often.
    fn component(module: &Module, count: usize) -> Component {
        let mut component = Component::new();
        component.section(&ModuleSection(module));
        component.section(&instances(0, count));
        component
    }

    /// A component with a component inside, which is instantiated so often.
    fn around(inner: &Component, count: usize) -> Component {
        let mut component = Component::new();
        component.section(&NestedComponentSection(inner));
        let mut section = ComponentInstanceSection::new();
        for _ in 0..count {
            section.instantiate(0, Vec::<(String, ComponentExportKind, u32)>::new());
        }
        component.section(&section);
        component
    }

    fn parts(component: Component) -> Result<ComponentParts, String> {
        ComponentParts::of(&component.finish()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_instantiated_counts_as_often_as_it_is() {
        let counted = |core_instances, memories, tables| Ok(ComponentParts { core_instances, memories, tables });
        assert_eq!(parts(component(&module(1, 2), 0)), counted(0, 0, 0));
        assert_eq!(parts(component(&module(1, 2), 1)), counted(1, 1, 2));
        assert_eq!(parts(component(&module(1, 2), 2)), counted(2, 2, 4));
        assert_eq!(parts(around(&component(&module(1, 2), 2), 2)), counted(4, 4, 8));
    }

    #[test]
    fn the_parts_of_an_instance_are_bounded() {
        let refused = |component| parts(component).unwrap_err();
        assert!(parts(component(&module(MEMORIES_MAX, TABLES_MAX), 1)).is_ok());
        assert!(refused(component(&module(MEMORIES_MAX + 1, 0), 0)).contains("9 memories, and at most 8"));
        assert!(refused(component(&module(3, 0), 3)).contains("9 memories"));
        assert!(refused(component(&module(0, TABLES_MAX + 1), 1)).contains("9 tables"));
        assert!(parts(component(&module(0, 0), CORE_INSTANCES_MAX)).is_ok());
        assert!(refused(component(&module(0, 0), CORE_INSTANCES_MAX + 1)).contains("65 core instances"));
        // Twice at each level.
        let doubled = (0..10).fold(component(&module(0, 0), 1), |inner, _| around(&inner, 2));
        assert!(refused(doubled).contains("core instances"));
        let deep = |levels| (1..levels).fold(Component::new(), |inner, _| around(&inner, 1));
        assert!(parts(deep(COMPONENT_DEPTH_MAX)).is_ok());
        assert!(refused(deep(COMPONENT_DEPTH_MAX + 1)).contains("inside of one another"));
    }

    #[test]
    fn what_a_compiler_needs_time_for_is_bounded() {
        let refused = |component| parts(component).unwrap_err();
        let modules = |count| {
            let mut component = Component::new();
            for _ in 0..count {
                component.section(&ModuleSection(&module(0, 0)));
            }
            component
        };
        assert!(parts(modules(COMPONENT_MODULES_MAX)).is_ok());
        assert!(refused(modules(COMPONENT_MODULES_MAX + 1)).contains("65 core modules"));
        assert!(parts(component(&functions(COMPONENT_FUNCTIONS_MAX, 2), 1)).is_ok());
        assert!(refused(component(&functions(COMPONENT_FUNCTIONS_MAX + 1, 2), 1)).contains("60001 functions"));
        assert!(parts(component(&functions(1, FUNCTION_BYTES_MAX), 1)).is_ok());
        assert!(refused(component(&functions(1, FUNCTION_BYTES_MAX + 1), 1)).contains("a function of 2097153 bytes"));
    }

    #[test]
    fn what_is_cut_short_or_comes_from_elsewhere_is_refused() {
        let whole = component(&module(1, 1), 1).finish();
        for length in 0..whole.len() {
            let cut = ComponentParts::of(&whole[..length]);
            // Between two sections it is a whole component with less in it.
            assert!(cut.as_ref().is_ok_and(|parts| parts.core_instances == 0) || matches!(cut, Err(PartsError::Malformed(_))));
        }
        let mut importing = Component::new();
        let (mut types, mut imports) = (CoreTypeSection::new(), ComponentImportSection::new());
        types.ty().module(&ModuleType::new());
        imports.import("foreign", ComponentTypeRef::Module(0));
        importing.section(&types).section(&ComponentTypeSection::new()).section(&imports).section(&instances(0, 1));
        assert!(parts(importing).unwrap_err().contains("does not define itself"));
    }
}
