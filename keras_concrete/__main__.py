"""`python -m keras_concrete`, and the console script `keras-concrete`."""


def main() -> None:
    """Runs the command line, or says what to install for it."""
    try:
        from keras_concrete.experiments import command_line
    except ModuleNotFoundError as error:
        if error.name not in ("filelock", "matplotlib", "pydantic", "rich", "typer"):
            raise
        raise SystemExit(
            f"The command line needs {error.name}, which is not installed. "
            "Run: pip install 'keras_concrete[demo]'"
        ) from None
    command_line.main()


if __name__ == "__main__":
    main()
