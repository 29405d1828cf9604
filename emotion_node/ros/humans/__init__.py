"""The node's part in REP-155 (ROS4HRI): faces, voices and persons below /humans."""
