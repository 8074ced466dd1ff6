"""The laptop twin: runs template.yaml on this machine; knows AWS, and nothing about medicine."""
