"""The settings file: a TOML file, named by `--settings` or MIRROR_SETTINGS.

[mirror]                            # the server itself
models_by_name = ["timm/*", "google/vit-base-patch16-224"]  # true: any model of the hub; false: none
profile = "hosted"                  # the limits for a demo that is shared with strangers
visitors = 40                       # each limit can also be set by itself: a field of Limits
metrics_port = 9101                 # figures for Prometheus, on this machine only

[ours]                              # every other table is a model
path = "our_vit"                    # a folder that Transformers, timm or open_clip saved

[flowers]
factory = "flower_nets:small"       # module:function; modules next to this file are found, too
arguments = { classes = 5 }         # passed to the function
weights = "flowers.safetensors"     # relative to this file, or an absolute path
classes = ["daisy", "rose", "tulip", "iris", "lily"]    # or a text file with one name per line
size = 224                          # or [height, width]
resize = 256
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
interpolation = "bilinear"
output = "classes"                  # the meaning of the model's output: an OutputKind
"""
