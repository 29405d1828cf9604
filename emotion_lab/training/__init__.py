"""Training and export of the models that the package ships.

Run by `python -m emotion_lab train`, see `commands`. Only the modules that train or export import
torch; what evaluation needs as well is in `emotion_lab.data`.
"""
