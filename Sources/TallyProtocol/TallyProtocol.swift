/// The room `TallyProtocol`; its door sign stands in docs/ARCHITECTURE.md.
