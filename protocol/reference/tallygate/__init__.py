"""An independent implementation of the Tallygate wire, version 1.

It reads its tables from ``protocol/schema.json`` and follows ``protocol/SPEC.md``; it shares no code with the
product.  Standard library only.
"""
