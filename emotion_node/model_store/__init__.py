"""The models: manifest, catalogue, fetching, verification."""
