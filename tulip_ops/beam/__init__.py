"""The archive in one go: the door to Apache Beam."""
