"""Figures for papers, read back: the width of the page, the resolution of the pictures, and real text."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pypdf
import pytest
from PIL import Image

from mirror_app import render, run
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import paper
from mirror_app.export.figure import Tile
from mirror_app.export.matrix import Axis, Cell
from mirror_app.export.paper import PaperFigure, files
from mirror_app.models import catalogue
from tests.refused import refused
from tests.test_docs import code

BAR = render.Legend(("#000000", "#ffffff"), -1.5, 1.5)


def noise(seed: int, height: int = 40, width: int = 60) -> bytes:
    return render.png(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


def figure(seed: int = 0) -> PaperFigure:
    tiles = [[Tile(noise(seed), "a caption"), Tile("No map.")], [Tile(noise(seed + 1)), Tile(noise(2), "x", True)]]
    return PaperFigure(tiles, ["first", "second"], ["Input", "$Grad"], "A title", [BAR, None])


@pytest.mark.parametrize("width", [85, 120.5, 180])
def test_a_pdf_has_real_text_pictures_of_300_dpi_and_exactly_its_width(width: float) -> None:
    page = pypdf.PdfReader(io.BytesIO(paper.write(figure(), "pdf", width))).pages[0]
    assert abs(float(page.mediabox.width) / 72 * 25.4 - width) < 0.1
    text = page.extract_text()
    for label in ("Input", "$Grad", "A title", "first", "second", "a caption", "No map.", "⚠ x", "−1.5"):
        assert label in text
    sizes = {image.name.rpartition(".")[0]: image.image.size for image in page.images if image.image}
    drawn: list[float] = []

    def visit(operator: bytes, operands: list[str], matrix: list[float], _: object) -> None:
        if operator == b"Do":
            pixels, points = sizes[operands[0].removeprefix("/")], (abs(matrix[0]), abs(matrix[3]))
            drawn.extend(count / length * 72 for count, length in zip(pixels, points, strict=True))

    page.extract_text(visitor_operand_before=visit)
    assert len(drawn) == 2 * 4
    assert all(abs(dpi - 300) < 1 for dpi in drawn)


def test_an_svg_has_text_and_a_png_its_resolution() -> None:
    svg = paper.write(figure(), "svg", 85).decode()
    assert ">a caption</text>" in svg
    image = Image.open(io.BytesIO(paper.write(figure(), "png", 85)))
    assert image.width == round(85 / 25.4 * 300)
    assert [round(dpi) for dpi in image.info["dpi"]] == [300, 300]


def test_threads_that_write_different_figures_give_what_each_would_alone() -> None:
    jobs = [(figure(seed), file_format, 60) for seed in range(3) for file_format in paper.FORMATS]
    alone = [paper.write(*job) for job in jobs]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda job: paper.write(*job), jobs)) == alone


def test_what_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("29", accepted="30 to 300 mm"):
        paper.write(figure(), "pdf", 29)
    with refused("3", accepted="4 to 20 points"):
        paper.write(figure(), "pdf", 85, 3)
    with refused("eps"):
        paper.write(figure(), "eps")
    with refused("width", hint="wider"):
        paper.write(PaperFigure([[Tile("")] * 8], [""], [""] * 8), "pdf", 30)
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    with refused("Matplotlib", hint="pip install '.[figures]'"):
        paper.write(figure())


@pytest.mark.parametrize(("scales", "bars", "extent"), [
    ((None, None, None, None), 0, "each picture"), ((2.0, 2.0, 2.0, 2.0), 1, "all pictures"),
    ((2.0, 2.0, 1.0, 1.0), 2, "each row"),
])  # fmt: skip
def test_pictures_that_share_a_scale_have_a_colour_bar(
    scales: tuple[float | None, ...], bars: int, extent: str
) -> None:
    request, raw = Request("shapes", "checked-heart", "features", "grad-cam"), np.ones((1, 4, 4), np.float32)
    cells = [Cell(n // 2, n % 2, request, raw, noise(n), vmax=vmax) for n, vmax in enumerate(scales)]
    rows, columns = Axis("layer", ("a", "b"), ("a", "b")), Axis("input", ("c", "d"), ("c", "d"))
    assert len(paper.figure_of_matrix(cells, rows, columns).legends) == bars
    assert f"one colour scale for {extent}." in paper.caption_of_matrix(cells, rows, columns, {"model": "shapes"})


def test_a_caption_says_how_the_picture_was_computed() -> None:
    request = Request("shapes", "a", "features", "grad-cam", (("colours", "jet"), ("target_class", 3)))
    text = paper.caption_of_picture(request, model="shapes", picture="a heart", target="star", note="Take care.")
    assert text.startswith(
        "Grad-CAM of the input “a heart” at layer features of the model shapes, for the target “star”."
    )
    assert "colours = jet" in text
    assert text.endswith("⚠ Take care.")


def test_the_code_of_the_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(code("docs/figures.md"), {})
    assert Path("figure.pdf").read_bytes().startswith(b"%PDF-")


def test_a_vector_has_no_figure() -> None:
    request, model, picture = (
        Request("shapes", "a", "classifier", "activations"),
        catalogue.load("shapes"),
        examples()[0],
    )
    with refused("classifier", hint=".csv"):
        paper.figure_of_picture(request, run(request, model, picture).raw, picture.pixels)
