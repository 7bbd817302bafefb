/// The room `TallyStorage`; its door sign stands in docs/ARCHITECTURE.md.
