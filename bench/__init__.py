"""How long a save takes until it is served, and how many requests it costs: devbox beside its peers.

    figures      what the requests of one edit say (pure)
    table        figures as text and as JSON (pure)
    answer       what the head of an answer says (pure)
    load         a new connection every 5 ms
    app          the application that is edited, a copy for each contestant
    child        a program that ends when its owner says so
    contestants  one module for each way to see an edit served
    contest      the turns
    machine      what it ran on
    soak         what hundreds of rebuilds take, and leave: a room of its own

`python -m bench` runs it, `python -m bench.soak` the soak.
"""
