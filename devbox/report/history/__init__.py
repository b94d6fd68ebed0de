"""The builds of a project, out of what its journal holds. Pure but for the journal's reader.

lines ──told──▶ BuildRecords ──usual──▶ marked ──▶ table · timeline · plain · document
"""
