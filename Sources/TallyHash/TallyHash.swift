/// The room `TallyHash`; its door sign stands in docs/ARCHITECTURE.md.
