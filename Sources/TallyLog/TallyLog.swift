/// The room `TallyLog`; its door sign stands in docs/ARCHITECTURE.md.
