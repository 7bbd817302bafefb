/// The room `TallyHTTP`; its door sign stands in docs/ARCHITECTURE.md.
