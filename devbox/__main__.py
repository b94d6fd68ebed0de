"""`python -m devbox` is `devbox`."""

from devbox.cli import main

if __name__ == "__main__":
    main()
