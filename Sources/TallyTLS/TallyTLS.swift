/// The room `TallyTLS`; its door sign stands in docs/ARCHITECTURE.md.
