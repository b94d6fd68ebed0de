"""What VS Code makes of devbox's lines: an interpreter of its problem matchers, and recordings to feed it.

`matcher.mjs` does with a task and its output what code.visualstudio.com/docs says of problem matchers
("Integrate with External Tools via Tasks"). `recorded/` holds what `devbox up --output plain` wrote on a real
engine, one file for each of `failures.FAILURES`; `python -m tests.vscode.record` makes them.
"""
