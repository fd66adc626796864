"""What every visualisation is: from inputs and a layer to a raw map, and from that to images."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from mirror_app import layers, render
from mirror_app.errors import MirrorError
from mirror_app.images.bands import are_bands, to_rgb
from mirror_app.params import ClassPicker, Dropdown, checked, declared
from mirror_app.precision import widened
from mirror_app.probe import View, default_layer, fingerprint, lacking_explained
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import predicted
from mirror_app.visualisations.core.transformations import INPUTS, OUTPUTS, Transformation, applied

Info = dict[str, Any]
TargetClass = Annotated[
    int | str | None,
    ClassPicker(
        "The class whose evidence is shown: any class, not only the most likely. Or type a target: a channel of a "
        "layer (`features.8:3`), its unit in row 4 and column 5 (`features.8:3@4,5`), an entry of the model's output "
        "(`:out:15@12,80`).",
        "Target",
    ),
]


@dataclass(frozen=True)
class Attribution:
    """One frame: the raw, signed numbers before any colour, and what there is to say about them.

    `raw` is (N, h, w), or (N, C, h, w). In `info` a `note` is a sentence that the person who looks at the picture
    must know, a `detail` some words more about what is shown, and `progress`, in [0, 1], how far the work is. `maps`
    are further ones (N, …) by name, which Python finds in the info, without N where there is one picture.
    """

    raw: Tensor
    info: Info = field(default_factory=dict)
    maps: Mapping[str, Tensor] = field(default_factory=dict)


class Visualisation:
    """A way to look at a layer of `model`: `images, info = visualisation(inputs, layer, **params)`.

    The model is never touched: all work is done on a private view of it. Raises MirrorError for what cannot be shown.
    `mean` and `std`, one number a channel, are what the inputs were normalised with; what makes pictures needs them.
    `output` says what the model's numbers are, such as "labels": an OutputKind, or its name. Without it they are what
    the model's own configuration says, else one is a number and several are the scores of classes.
    """

    look: ClassVar[render.Look]
    of_inputs: ClassVar[bool] = True  # whether the inputs make a difference
    uses_layer: ClassVar[bool] = True  # whether the layer makes a difference
    supports_all_stages: ClassVar[bool] = False  # whether it can look at every stage of the network at once
    before_last: ClassVar[bool] = False  # whether it begins at the stage before the last, and not at the last
    image_per_channel: ClassVar[bool] = False  # whether its n-th image is the n-th channel of the layer
    is_iterative: ClassVar[bool] = False  # whether a picture is made step by step, each a frame worth seeing
    starts_from_noise: ClassVar[bool] = False  # whether that picture begins as noise, and not as the input

    def __init__(
        self,
        model: nn.Module | View,
        device: torch.device | str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        output: str | None = None,
    ) -> None:
        self.view = model if isinstance(model, View) else View(model, device)
        self.mean, self.std = mean, std
        self.output = None if output is None else OutputKind.of(output)

    @classmethod
    def ignores_model(cls, params: Mapping[str, object]) -> bool:
        """Tell whether, with these parameters, pictures are known to stay much the same whatever the model has learned.

        Adebayo et al. 2018, https://arxiv.org/abs/1810.03292; Nie et al. 2018, https://arxiv.org/abs/1805.07039.
        """
        return False

    def attribute(self, inputs: Tensor, layer: str, *args: Any, **params: Any) -> Iterator[Attribution]:
        """Yield frames for `inputs` (N, C, H, W) at the layer of that dotted name; the last frame is the result."""
        raise MirrorError(
            f"{type(self).__name__} shows nothing yet: it needs an `attribute`, or a `__call__` of its own."
        )

    def frames(
        self,
        inputs: Tensor,
        layer: str,
        *,
        input_transformation: Annotated[
            str | Transformation,
            Dropdown("Applied to the input before the model sees it.", "Of the input", options=tuple(INPUTS)),
        ] = "none",
        output_transformation: Annotated[
            str | Transformation,
            Dropdown("Applied to the values before they are coloured.", "Of the numbers", options=tuple(OUTPUTS)),
        ] = "none",
        **params: Any,
    ) -> Iterator[Attribution]:
        """Yield the frames of `attribute`, with the method, the layer and the parameters in their info.

        The transformations are names of `transformations.INPUTS` and `OUTPUTS`, or functions that keep the shape.
        At the layer `*` it is done at each stage of the network, and the maps (N · S, H, W), stage by stage for each
        item, have the size of the inputs; `layers` in info names the S stages. Raises MirrorError.
        """
        inputs = applied(input_transformation, INPUTS, inputs)
        about = {"method": type(self).__name__, "layer": layer, "params": params}
        with lacking_explained(self.view.module, inputs):
            for frame in self._each(inputs, layer, **params):
                note = " ".join(filter(None, (frame.info.get("note"), *self.view.notes)))
                info = {**about, **frame.info, **({"note": note} if note else {})}
                yield Attribution(applied(output_transformation, OUTPUTS, widened(frame.raw)), info, frame.maps)

    def _each(self, inputs: Tensor, layer: str, **params: Any) -> Iterator[Attribution]:
        """Yield the frames of all inputs; of one at a time where the model's answers change with their neighbours."""
        show = self._sweep if layer == layers.EVERY else partial(self.attribute, layer=layer)
        if len(inputs) == 1 or not self.of_inputs or self._are_independent(inputs):
            yield from show(inputs, **params)
            return
        last = [deque(show(one, **params), maxlen=1).pop() for one in inputs.split(1)]
        notes = dict.fromkeys(filter(None, (frame.info.get("note") for frame in last)))
        info = {**last[-1].info, **({"note": " ".join(notes)} if notes else {})}
        for key in [key for key, value in info.items() if isinstance(value, list) and len(value) == 1]:
            info[key] = [value for frame in last for value in frame.info[key]]
        maps = {name: torch.cat([frame.maps[name] for frame in last]) for name in last[-1].maps}
        yield Attribution(torch.cat([frame.raw for frame in last]), info, maps)

    def _are_independent(self, inputs: Tensor) -> bool:
        self.view.learn(self.sized(inputs))
        return self.view.is_independent

    def _sweep(self, inputs: Tensor, **params: Any) -> Iterator[Attribution]:
        if not self.supports_all_stages:
            raise MirrorError(f"{type(self).__name__} looks at one layer at a time: name one in place of '*'.")
        with torch.no_grad():
            self.view.record_calls(inputs[:1])
        stages = layers.stages(layers.tree(self.view.source, self.view.calls))
        maps: dict[str, Tensor] = {}
        cautions: dict[str, list[str]] = {}  # what must be known, and at which stages
        refused = MirrorError("The model has no layer with a spatial map.")
        for number, stage in enumerate(stages):
            try:
                for last in self.attribute(inputs, stage, **params):
                    found = last
            except MirrorError as error:
                refused = error
                continue
            if note := found.info.get("note"):
                cautions.setdefault(note, []).append(stage)
            evidence = found.raw if found.raw.ndim == 3 else found.raw.sum(1)
            maps[stage] = render.resize(evidence, (inputs.shape[2], inputs.shape[3]))
            note = " ".join(f"At {', '.join(named)}: {caution}" for caution, named in cautions.items())
            info = {**found.info, "layers": list(maps), "note": note, "progress": (number + 1) / len(stages)}
            yield Attribution(torch.stack(list(maps.values()), 1).flatten(0, 1), info)
        if not maps:
            raise refused

    def __call__(self, inputs: Any, layer: str | nn.Module | None = None, **params: Any) -> tuple[Tensor, Info]:
        """Return `(images, info)`: images (M, 3, H, W) in [0, 1], and info with `raw`, the numbers before any colour.

        `layer` is a submodule, its dotted name, None for the layer at which the page begins, or `*` for every stage.
        It begins at the end of the last stage that has a map, or of the one before where the visualisation has
        `before_last`. The picture that heat is laid over is `inputs` stretched to [0, 1]; of bands, which are neither 1
        nor 3 channels, it is their mean, each stretched by itself.
        `untouched` in info tells whether the model is what it was;
        `prediction`, where a class is shown, holds the most likely class of each item.

        Of a model that takes several tensors, `inputs` is a tuple: the pictures, which are looked at, and the others,
        (1, …) each.

        Inputs of another floating type than that of the weights go to the model as they are if it runs with them, and
        else in the type of the weights. Half models run in half precision; sums and results are float32.
        """
        with torch.inference_mode(False):
            if not isinstance(inputs, tuple) or not inputs:
                return self._shown(inputs, layer, **params)
            own, self.view.extra_inputs = self.view.extra_inputs, self._extra_inputs(inputs[1:])
            try:
                return self._shown(inputs[0], layer, **params)
            finally:
                self.view.extra_inputs = own

    def _shown(self, inputs: Any, layer: str | nn.Module | None, **params: Any) -> tuple[Tensor, Info]:
        kind = type(self)
        method_params, render_params = declared(kind.attribute) | declared(kind.frames), declared(kind.look)
        functions = {name: value for name, value in params.items() if name in declared(kind.frames) and callable(value)}
        named = {name: value for name, value in params.items() if name not in functions}
        values: dict[str, Any] = {**checked(method_params | render_params, named), **functions}
        before = fingerprint(self.view.source)
        self.view.follow()
        inputs = self.prepared(inputs)
        if layer is None:
            with lacking_explained(self.view.module, inputs):
                name = default_layer(self.view, self.sized(inputs), self.before_last)
        else:
            name = layers.EVERY if layer == layers.EVERY else self.view.layer(layer)
        for frame in self.frames(inputs, name, **{name: values[name] for name in method_params}):
            last = frame
        require_finite(last.raw, name)
        picture = _as_picture(inputs).to(last.raw).repeat_interleave(len(last.info.get("layers", "1")), 0)
        images = kind.look(last.raw, picture, **{name: values[name] for name in render_params})
        maps = {name: found[0] if len(found) == 1 else found for name, found in last.maps.items()}
        info = {**last.info, **maps, **self._prediction(inputs, last.info, params.get("target_class"))}
        return images, {**info, "raw": last.raw, "untouched": fingerprint(self.view.source) == before}

    def _prediction(self, inputs: Tensor, info: Info, target_class: object) -> Info:
        kind = OutputKind(info.get("output", OutputKind.CLASSES))
        if "target_class" not in info or not kind.has_probabilities:
            return {}
        if target_class is None:
            return {"prediction": info["target_class"]}
        answers = predicted(self.view, inputs)
        return {} if answers is None else {"prediction": answers.argmax(1).tolist()}

    def _extra_inputs(self, others: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for number, other in enumerate(others, 2):
            if not isinstance(other, Tensor) or other.shape[:1] != (1,):
                shown = tuple(other.shape) if isinstance(other, Tensor) else type(other).__name__
                raise MirrorError(f"Input {number} is {shown}: beside the pictures, each is a tensor (1, …) for all.")
        return others

    def sized(self, inputs: Tensor) -> Tensor:
        """Return `inputs` at a size with which the model runs: their own, unless a visualisation can enlarge them."""
        return inputs

    def prepared(self, inputs: Tensor) -> Tensor:
        """Return `inputs` on the view's device, as `View.accept` does; raise MirrorError if they are no pictures."""
        if not isinstance(inputs, Tensor) or inputs.ndim != 4 or not inputs.is_floating_point():
            shown = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
            raise MirrorError(f"The inputs are {shown}, where a float tensor (N, channels, height, width) is needed.")
        if not inputs.numel():
            raise MirrorError(f"The inputs are {tuple(inputs.shape)}: there is no picture in them.")
        if not inputs.isfinite().all():
            raise MirrorError("The inputs hold numbers that are not finite: look for NaN or a division by zero.")
        inputs = inputs.detach().to(self.view.device)
        return self.view.accept(inputs.clone() if inputs.is_inference() else inputs)


def require_finite(raw: Tensor, layer: str) -> None:
    """Raise MirrorError where there are numbers in `raw`, of that layer, that are not finite."""
    if not raw.isfinite().all():
        raise MirrorError(f"There are numbers that are not finite at the layer '{layer}': look for NaN in the weights.")


def _as_picture(inputs: Tensor) -> Tensor:
    if are_bands(inputs.shape[1]):
        return to_rgb(inputs)
    low, high = inputs.amin((1, 2, 3), keepdim=True), inputs.amax((1, 2, 3), keepdim=True)
    return ((inputs - low) / (high - low).clamp(min=torch.finfo(inputs.dtype).tiny)).expand(-1, 3, -1, -1)
