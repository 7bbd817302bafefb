/// The room `TallyIO`; its door sign stands in docs/ARCHITECTURE.md.
