/// The room `TallyWorkstation`; its door sign stands in docs/ARCHITECTURE.md.
