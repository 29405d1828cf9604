"""A page that shows live what a node perceives, served by NiceGUI."""
