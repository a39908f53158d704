"""A GitHub of one repository on this machine: its REST API, and its git over HTTP.

For tests, and for the demo of the bot. It remembers, answers and refuses as GitHub does, it fails
when it is told to, it listens on loopback only, and nothing of it is left when its `with` ends.
"""
