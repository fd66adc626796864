"""Raw values for other programs, read back as those programs do."""

import csv
import io
import json

import numpy as np
import pytest

from mirror_app import run
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import tables
from mirror_app.models import catalogue
from tests.refused import refused


@pytest.mark.parametrize(("visualisation", "layer"), [
    ("grad-cam", "features"), ("grad-cam", "*"), ("activations", "features"), ("activations", "classifier"),
    ("back-prop", ""), ("kernels", "features.0"),
])  # fmt: skip
def test_raw_values_are_read_back_bit_for_bit(visualisation: str, layer: str) -> None:
    model, picture = catalogue.load("shapes"), examples()[0]
    request = Request("shapes", picture.id, layer, visualisation)
    result, model_input_rgb = run(request, model, picture), model.preprocessing.model_input_rgb(picture)
    file = tables.npz(request, result.raw, result.info | {"target_name": "a heart"}, model_input_rgb)
    with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
        assert arrays["raw"].tobytes() == result.raw.tobytes()
        assert np.array_equal(arrays["input"], model_input_rgb)
        facts = json.loads(str(arrays["info"]))
    assert Request.from_json(facts["request"]) == request
    assert facts["info"]["target_name"] == "a heart"
    header, *lines = csv.reader(io.StringIO(tables.csv_table(result.raw).decode()))
    assert header[-1] == "value"
    values = np.array([line[-1] for line in lines], dtype=result.raw.dtype)
    assert values.tobytes() == result.raw.tobytes()
    shape = [1 + max(int(line[axis]) for line in lines) for axis in range(len(header) - 1)]
    assert shape == [length for length in result.raw.shape if length > 1]


def test_too_many_values_are_no_table() -> None:
    with refused("1,001,000 values", hint=".npz"):
        tables.csv_table(np.zeros((1, 1001, 10, 100), np.float32))
