"""Pictures that are made by ascending a gradient."""
