"""image -> serving: starting a revision's container, knowing when it is ready, and handing over."""
