"""`python -m raccroche`: the same as `raccroche`, where only a module can be named."""

from raccroche.main import main

if __name__ == "__main__":
    main()
