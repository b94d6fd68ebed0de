"""What may keep a project from being served, found before it does: `devbox doctor`.

`examine` gathers the facts and has them judged; what it gives is a `Diagnosis` of frozen `Finding`s.
"""
