#!/bin/sh
# The page's visualisations on the command line.
set -eu

mirror list
mirror list grad-cam
mirror layers shapes
mirror render --image checked-heart --target "striped star" --param "show=heat map" --output heat.png
mirror render --visualisation activations --layer features.4 --output maps.png
mirror render --output raw.npy
mirror render --visualisation deep-dream --param steps=3 --output dream.gif
