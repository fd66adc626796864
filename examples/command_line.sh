#!/bin/sh
# The page's visualisations on the command line.
set -eu

python -m mirror_app list
python -m mirror_app list grad-cam
python -m mirror_app layers shapes
python -m mirror_app render --image checked-heart --target "striped star" --param "show=heat map" --output heat.png
python -m mirror_app render --visualisation activations --layer features.4 --output maps.png
python -m mirror_app render --output raw.npy
python -m mirror_app render --visualisation deep-dream --param steps=3 --output dream.gif
