"""The main job as a demonstration: real taxi trips from the web to the lake to the warehouse.

`penstock.demo.trips` is what the flows in `examples/taxi` stand on: where trip files are published, how they are
downloaded, and what their columns mean.
"""
