"""The AWS services used, one small module for each. session.py alone creates sessions."""
