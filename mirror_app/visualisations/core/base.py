"""The base class of visualisations: from inputs and a layer to a raw map, and from the map to images."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from mirror_app import layers, render
from mirror_app.errors import MirrorError
from mirror_app.images.bands import are_bands, to_rgb
from mirror_app.params import TARGET, ClassPicker, Dropdown, checked, declared
from mirror_app.precision import widened
from mirror_app.probe import View, default_layer, explain_dtype_errors, fingerprint
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import predict_answers
from mirror_app.targets import Function
from mirror_app.visualisations.core.attribution import Attribution, require_finite
from mirror_app.visualisations.core.every_stage import at_every_stage
from mirror_app.visualisations.core.info import Info, joined
from mirror_app.visualisations.core.input_checks import checked_extra_inputs, checked_inputs
from mirror_app.visualisations.core.transformations import INPUTS, OUTPUTS, Transformation, apply

__all__ = ["Attribution", "Info", "TargetClass", "Visualisation"]

TargetClass = Annotated[
    int | str | Function | None,
    ClassPicker(
        "The class to explain; by default the top prediction. Or enter a target: the difference of two classes "
        "(`281 - 282`, or their names), what lowers a class (`281 down`), a channel of a layer (`features.8:3`), that "
        "channel's unit in row 4 and column 5 (`features.8:3@4,5`), an entry of the model's output (`:out:15@12,80`), "
        'or, for models such as CLIP, a text (`text "a cat"`).',
        "Target",
    ),
]


class Visualisation:
    """The base class of visualisations: `images, info = visualisation(inputs, layer, **params)`.

    A subclass implements `attribute`, which yields raw values, and sets `look`, which colours them. `look` is a
    `render.Look`, or a function `(raw, picture, **params) -> images`, which is turned into one. All work is done on a
    private view of the model; the model itself never changes.

    Args:
        model: The model, in any mode; the view is in evaluation mode.
        device: The device on which to run; by default, the device of the model.
        mean: The mean that the inputs were normalised with, one number per channel. Deep Dream and the other methods
            that create pictures need `mean` and `std`; without them, each input's own range is mapped to [0, 1].
        std: The standard deviation that the inputs were normalised with, one number per channel.
        output: The kind of the model's output, such as "classes", "labels" or "numbers". By default, it is read from
            the model's configuration. Without a configuration, a single output is a number, and several outputs are the
            logits of classes.

    Raises:
        MirrorError: If the model cannot be copied, or `output` is unknown.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app import render
        >>> from mirror_app.visualisations.core import Attribution, Visualisation
        >>> class MeanActivation(Visualisation):
        ...     look = render.heat
        ...
        ...     def attribute(self, inputs, layer):
        ...         yield Attribution(self.view.capture(inputs, layer).mean(1))
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        >>> images, info = MeanActivation(model)(torch.rand(2, 3, 8, 8), "1")
        >>> images.shape, info["raw"].shape, info["untouched"]
        (torch.Size([2, 3, 8, 8]), torch.Size([2, 8, 8]), True)
    """

    look: ClassVar[render.Look]  # colours the raw values
    uses_inputs: ClassVar[bool] = True  # whether the result depends on the inputs
    uses_layer: ClassVar[bool] = True  # whether the result depends on the layer
    supports_all_stages: ClassVar[bool] = False  # whether it accepts the layer `*`: one map per stage of the network
    needs_attention: ClassVar[bool] = False  # whether it reads attention weights, which only transformers have
    before_last: ClassVar[bool] = False  # whether its default layer ends the second-to-last stage instead of the last
    image_per_channel: ClassVar[bool] = False  # whether image n shows channel n; a click makes it the target
    is_iterative: ClassVar[bool] = False  # whether it makes a picture step by step, and every step is worth showing
    starts_from_noise: ClassVar[bool] = False  # whether it starts this picture from noise instead of the input

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not isinstance(look := getattr(cls, "look", None), render.Look | None):
            cls.look = render.Look(look)

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
        """Return whether results with these parameters are known to hardly depend on what the model has learned.

        References:
            Adebayo et al. 2018, “Sanity Checks for Saliency Maps”, https://arxiv.org/abs/1810.03292.
            Nie et al. 2018, “A Theoretical Explanation for Perplexing Behaviors of Backpropagation-based
            Visualizations”, https://arxiv.org/abs/1805.07039.
        """
        return False

    @classmethod
    def selected_filter(cls, params: Mapping[str, Any]) -> int | None:
        """Return the index of the single filter that the values of all parameters select, or None if there is none."""
        return None

    def attribute(self, inputs: Tensor, layer: str, *args: Any, **params: Any) -> Iterator[Attribution]:
        """Yield frames, which show the result as it develops; the last frame is the result.

        Args:
            inputs: The inputs (N, C, H, W), on the view's device.
            layer: The dotted name of the layer; "" is the whole model.
            args: Not used.
            params: The parameters that the subclass declares.

        Yields:
            The frames.
        """
        name, accepted = type(self).__name__, "`attribute`, or a `__call__` of its own"
        raise MirrorError(f"{name} must define {accepted}.", culprit=name, accepted=accepted)

    def frames(
        self,
        inputs: Tensor,
        layer: str,
        *,
        input_transformation: Annotated[
            str | Transformation,
            Dropdown("Applied to the input before the model sees it.", "Input transformation", options=tuple(INPUTS)),
        ] = "none",
        output_transformation: Annotated[
            str | Transformation,
            Dropdown(
                "Applied to the values before they are coloured.", "Output transformation", options=tuple(OUTPUTS)
            ),
        ] = "none",
        **params: Any,
    ) -> Iterator[Attribution]:
        """Yield the frames of `attribute`, with the method, the layer and the parameters in their info.

        Args:
            inputs: The inputs (N, C, H, W), on the view's device.
            layer: The dotted name of the layer, or `*` for each of the S stages of the network. Then the maps
                (N · S, H, W), ordered by item and then by stage, have the size of the inputs, and `layers` in the
                info names the stages.
            input_transformation: A name in `transformations.INPUTS`, or a function that keeps the shape.
            output_transformation: A name in `transformations.OUTPUTS`, or a function that keeps the shape.
            params: The parameters of `attribute`.

        Yields:
            The frames.

        Raises:
            MirrorError: If the layer or the model does not suit the method, or a transformation changes the shape.
        """
        inputs = apply(input_transformation, INPUTS, inputs)
        provenance = Info(method=type(self).__name__, layer=layer, params=params)
        with explain_dtype_errors(self.view.module, inputs):
            for frame in self._frames_of(inputs, layer, **params):
                note = " ".join(filter(None, (frame.info.note, *self.view.notes)))
                info = provenance | frame.info | Info(note=note or None)
                yield Attribution(apply(output_transformation, OUTPUTS, widened(frame.raw)), info, frame.maps)

    def _frames_of(self, inputs: Tensor, layer: str, **params: Any) -> Iterator[Attribution]:
        """Yield the frames of all inputs; if the items of a batch influence one another, run each item alone."""
        if layer == layers.EVERY and not self.supports_all_stages:
            problem = f"{type(self).__name__} shows one layer at a time"
            raise MirrorError(problem, culprit=layer, accepted="one layer", hint=f"choose a layer instead of '{layer}'")
        attribute = (
            partial(at_every_stage, self.view, self.attribute)
            if layer == layers.EVERY
            else partial(self.attribute, layer=layer)
        )
        if len(inputs) == 1 or not self.uses_inputs or self._are_independent(inputs):
            yield from attribute(inputs, **params)
            return
        results = [deque(attribute(item, **params), maxlen=1).pop() for item in inputs.split(1)]
        info = joined([result.info for result in results])
        maps = {name: torch.cat([result.maps[name] for result in results]) for name in results[-1].maps}
        yield Attribution(torch.cat([result.raw for result in results]), info, maps)

    def _are_independent(self, inputs: Tensor) -> bool:
        self.view.ensure_observed(self.enlarged(inputs))
        return self.view.is_batch_independent

    def __call__(self, inputs: Any, layer: str | nn.Module | None = None, **params: Any) -> tuple[Tensor, Info]:
        """Return the images and the info for `inputs` at `layer`.

        Heat maps are drawn over the inputs, which are stretched to [0, 1]. If the inputs have neither 1 nor 3 channels,
        each channel is stretched to its own range, and heat maps are drawn over the mean of the channels.

        Inputs whose floating-point type differs from that of the weights are passed on unchanged if the model runs with
        them; otherwise, they are converted to the type of the weights. Half-precision models run in half precision, and
        results are float32.

        Args:
            inputs: The pictures (N, C, H, W), a floating-point tensor, normalised as the model expects. A model with
                several inputs takes a tuple of the pictures and the other tensors. Each other tensor has the shape
                (1, …) and is shared by all pictures.
            layer: A submodule, its dotted name, `*` for every stage of the network, or None for the default. The
                default is the end of the last stage that has a spatial map, or of the stage before it if the class sets
                `before_last`.
            params: The parameters of the method and its look, plus `input_transformation` and `output_transformation`.

        Returns:
            The images (M, 3, H, W) in [0, 1], and an `Info`. The info holds `raw` (the values before they are
            coloured), `untouched` (whether the model is unchanged), `prediction` (the top class of each picture, if a
            class was explained) and the facts that the method adds.

        Raises:
            MirrorError: If an input, the layer or a parameter is not accepted, if the layer or the model does not suit
                the method, or if a result is not finite.
        """
        with torch.inference_mode(False):
            if not isinstance(inputs, tuple) or not inputs:
                return self._run(inputs, layer, **params)
            previous, self.view.extra_inputs = self.view.extra_inputs, checked_extra_inputs(inputs[1:])
            try:
                return self._run(inputs[0], layer, **params)
            finally:
                self.view.extra_inputs = previous

    def _run(self, inputs: Any, layer: str | nn.Module | None, **params: Any) -> tuple[Tensor, Info]:
        kind = type(self)
        method_params, render_params = declared(kind.attribute) | declared(kind.frames), kind.look.params
        may_be_functions = {*declared(kind.frames), TARGET} & {*method_params}
        functions = {name: value for name, value in params.items() if name in may_be_functions and callable(value)}
        plain_params = {name: value for name, value in params.items() if name not in functions}
        values: dict[str, Any] = {**checked(method_params | render_params, plain_params), **functions}
        before = fingerprint(self.view.source)
        self.view.sync()
        inputs = self.prepare_inputs(inputs)
        if layer is None:
            with explain_dtype_errors(self.view.module, inputs):
                name = default_layer(self.view, self.enlarged(inputs), self.before_last)
        else:
            name = layers.EVERY if layer == layers.EVERY else self.view.layer_name(layer)
        last = deque(self.frames(inputs, name, **{name: values[name] for name in method_params}), maxlen=1).pop()
        require_finite(last.raw, name)
        picture = _as_picture(inputs).to(last.raw).repeat_interleave(len(last.info.layers or [name]), 0)
        images = kind.look(last.raw, picture, **{name: values[name] for name in render_params})
        maps = {name: tensor[0] if len(tensor) == 1 else tensor for name, tensor in last.maps.items()}
        prediction = self._prediction(inputs, last.info, params.get(TARGET))
        untouched = fingerprint(self.view.source) == before
        return images, last.info | maps | Info(prediction=prediction, raw=last.raw, untouched=untouched)

    def _prediction(self, inputs: Tensor, info: Info, target_class: object) -> list[int] | None:
        kind = OutputKind(info.output or OutputKind.CLASSES)
        if info.target_class is None or not kind.has_probabilities:
            return None
        if target_class is None:
            return info.target_class
        answers = predict_answers(self.view, inputs)
        return None if answers is None else answers.argmax(1).tolist()

    def enlarged(self, inputs: Tensor) -> Tensor:
        """Return `inputs` at a size that the model accepts. A visualisation that can enlarge inputs overrides this."""
        return inputs

    def prepare_inputs(self, inputs: Tensor) -> Tensor:
        """Return `inputs` on the view's device, in the form that the view accepts.

        Raises:
            MirrorError: If they are not a finite float tensor (N, C, H, W), or the model does not accept them.
        """
        inputs = checked_inputs(inputs).detach().to(self.view.device)
        return self.view.prepare_inputs(inputs.clone() if inputs.is_inference() else inputs)


def _as_picture(inputs: Tensor) -> Tensor:
    if are_bands(inputs.shape[1]):
        return to_rgb(inputs)
    low, high = inputs.amin((1, 2, 3), keepdim=True), inputs.amax((1, 2, 3), keepdim=True)
    return ((inputs - low) / (high - low).clamp(min=torch.finfo(inputs.dtype).tiny)).expand(-1, 3, -1, -1)
