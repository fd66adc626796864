"""Try every visualisation on a network of every family: `make refusals` writes this file. Every visualisation is tried on a network of every family, with random weights, a batch
of two pictures and quick parameters. {works} of {count} cells work (✓): the numbers are finite, each item of the batch is
the same as on its own, and the model is unchanged. The others are refused; a number refers to the sentence below.
{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, torchvision {torchvision.__version__}.

"""
    if failed := [
        f"{name}: {text}" for name, row in found.items() for text in row.values() if text.startswith("FAILED")
    ]:
        sys.exit("\n".join(failed))
    DOCUMENT.write_text(head + written(found) + "\n", encoding="utf-8")
    print(f"{works} of {count} work: {DOCUMENT}", file=sys.stderr)


if __name__ == "__main__":
    main()
