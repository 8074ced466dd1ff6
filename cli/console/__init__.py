"""`clinrisk console`: what the other verbs show, as pages on one address of this machine.

`web_app` puts the pages together and keeps strangers out, `site` is what they share. On a stack the console
only reads; on the twin it also runs the command that it shows.
"""
