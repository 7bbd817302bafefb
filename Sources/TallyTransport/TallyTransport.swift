/// The room `TallyTransport`; its door sign stands in docs/ARCHITECTURE.md.
