"""The command `annotate`: the pipeline over recordings, without ROS."""
