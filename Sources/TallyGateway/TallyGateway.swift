/// The room `TallyGateway`; its door sign stands in docs/ARCHITECTURE.md.
