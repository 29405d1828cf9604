"""The emotions of a recording in the formats of other tools."""
