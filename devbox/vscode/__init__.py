"""What VS Code needs to build, serve, show problems and debug: entries of tasks.json and launch.json."""
