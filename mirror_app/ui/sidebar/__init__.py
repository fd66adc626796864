"""The sidebar: the model, the layer, the visualisation and its parameters."""
