/// The room `TallyWire`; its door sign stands in docs/ARCHITECTURE.md.
