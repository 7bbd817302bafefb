/// The room `TallyRollup`; its door sign stands in docs/ARCHITECTURE.md.
