"""Whether devbox stays the same over hundreds of rebuilds: what it takes, counted every few of them.

    mix        what each rebuild is about (pure)
    source     the files that are saved for it
    follower   the session's events, as a client of its control API hears them
    running    the devbox in the background
    steps      one rebuild after the other, each one waited for and asked for its code
    company    clients that follow the session, and come and go
    window     a second window, on a terminal of its own
    probe      what is taken: of processes, of the engine, of the disk
    growth     figures of all samples as rows, and the bounds they are held to (pure)
    bounds     what the figures are held to
    verbs      how long a verb takes
    leftovers  what is left once devbox is down
    soak       the whole of it
    told       all of it as text (pure)

`python -m bench.soak` runs it.
"""
