"""Training and export of the models that the package ships.

Only the modules that train or export import torch; the dataset readers and the metrics need
numpy alone, so that evaluation shares them.
"""
