/// The room `TallyPricing`; its door sign stands in docs/ARCHITECTURE.md.
