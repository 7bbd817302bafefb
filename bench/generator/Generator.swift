/// Seeded transcripts with their true totals.
