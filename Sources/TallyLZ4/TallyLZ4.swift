/// The room `TallyLZ4`; its door sign stands in docs/ARCHITECTURE.md.
